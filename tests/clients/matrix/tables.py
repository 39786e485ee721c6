"""Which tables the page on clients has."""

from tests.clients.matrix.mirroring import MIRRORS, Mirroring
from tests.clients.matrix.model import Installing, Uploading
from tests.clients.matrix.page import Table
from tests.clients.matrix.rows import INSTALLERS, UPLOADERS

INSTALLING = Table("installing", INSTALLERS, tuple(Installing))
UPLOADING = Table("uploading", UPLOADERS, tuple(Uploading))
MIRRORING = Table("mirroring", MIRRORS, tuple(Mirroring))
TABLES = (INSTALLING, UPLOADING, MIRRORING)
