"""The clients, one module each, in the order that the tables have them."""

from tests.clients.matrix.model import Installer, Uploader
from tests.clients.matrix.rows.buildout import Buildout
from tests.clients.matrix.rows.curl import CurlDownloader, CurlUploader
from tests.clients.matrix.rows.easy_install import EasyInstall
from tests.clients.matrix.rows.flit import Flit
from tests.clients.matrix.rows.hatch import Hatch
from tests.clients.matrix.rows.pdm import PdmInstaller, PdmUploader
from tests.clients.matrix.rows.pip import Pip, Pip20, Pip22
from tests.clients.matrix.rows.pipenv import Pipenv
from tests.clients.matrix.rows.poetry import PoetryInstaller, PoetryUploader
from tests.clients.matrix.rows.setup_py import SetupPy
from tests.clients.matrix.rows.twine import Twine, Twine4, Twine6
from tests.clients.matrix.rows.uv import UvInstaller, UvUploader

INSTALLERS: tuple[type[Installer], ...] = (
    *(Pip20, Pip22, Pip),
    *(UvInstaller, PoetryInstaller, PdmInstaller, Pipenv),
    *(Buildout, EasyInstall, CurlDownloader),
)

UPLOADERS: tuple[type[Uploader], ...] = (
    *(Twine4, Twine6, Twine),
    *(UvUploader, PoetryUploader, PdmUploader),
    *(Hatch, Flit, SetupPy, CurlUploader),
)
