"""Configurations of web servers that hand out an export: forms by Accept, encodings as they lie.

PEP 691: JSON for whoever names it, HTML for everybody else. `index.html` is sent under the type of
HTML that was asked for.
"""

from cloche.core.errors import BadSetting
from cloche.core.negotiation import Format

_WANTED = r"application/vnd\.pypi\.simple\.(v1|latest)\+{form}(?!\s*;\s*q=0(\.0*)?\s*(,|$))"


def render(kind: str, folder: str, *, listen: str) -> str:
    """A configuration that serves the folder, which has `simple/` and `packages/` in it.

    Raise BadSetting when the names cannot be written in one.
    """
    for said in (folder, listen):
        if not said.isprintable() or set(said) & set(" \"'\\${}#;<>"):
            raise BadSetting(
                f"{said!r} cannot be written in a configuration; choose a plainer name"
            )
    values = {
        "FOLDER": folder,
        "LISTEN": listen,
        "PLACE": listen if ":" in listen else f"*:{listen}",
        "JSON_WANTED": _WANTED.replace("{form}", "json"),
        "HTML_WANTED": _WANTED.replace("{form}", "html"),
        "JSON": Format.JSON.value,
        "HTML": Format.HTML_V1.value,
    }
    text = _NGINX if kind == "nginx" else _APACHE
    for word, value in values.items():
        text = text.replace(f"@{word}@", value)
    return text


_NGINX = """\
# Made by `cloche export --server-config nginx`: to be included in the http block.
map $http_accept $cloche_page {
    default index.html;
    "~*@JSON_WANTED@" index.v1_json;
    "~*@HTML_WANTED@" index.v1_html;
}

server {
    listen @LISTEN@;
    root "@FOLDER@";
    disable_symlinks on from=$document_root;
    absolute_redirect off;
    types { }

    location = / { return 302 simple/; }

    location /simple {
        # Named, for a map takes the numbers away.
        rewrite ^(?<cloche_home>/simple(/[^/]+)?)/$ $cloche_home/$cloche_page last;
        rewrite ^(?<cloche_home>/simple(/[^/]+)?)$ $cloche_home/ permanent;
        return 404;
    }
    location ~ ^/simple(/[^/]+)?/index\\.html$ {
        gzip_static on;
        charset utf-8;
        default_type text/html;
        add_header Vary "Accept, Accept-Encoding";
        add_header Cache-Control "max-age=600";
    }
    location ~ ^(/simple(/[^/]+)?)/index\\.v1_html$ {
        rewrite ^(.*)v1_html$ $1html break;
        gzip_static on;
        default_type @HTML@;
        add_header Vary "Accept, Accept-Encoding";
        add_header Cache-Control "max-age=600";
    }
    location ~ ^/simple(/[^/]+)?/index\\.v1_json$ {
        gzip_static on;
        default_type @JSON@;
        add_header Vary "Accept, Accept-Encoding";
        add_header Cache-Control "max-age=600";
    }

    location /packages/ {
        default_type application/octet-stream;
        add_header Cache-Control "max-age=365000000, immutable";
    }
    location ~ ^/packages/.*\\.provenance$ {
        default_type application/vnd.pypi.integrity.v1+json;
    }
    location ~ ^/(pypi/[^/]+/json|json/[^/]+)$ {
        default_type application/json;
    }
    location /.cloche { return 404; }
}
"""

_APACHE = """\
# Made by `cloche export --server-config apache`: to be included in the main configuration.
# It needs mod_rewrite and mod_headers.
<VirtualHost @PLACE@>
    DocumentRoot "@FOLDER@"
    <Directory "@FOLDER@">
        Require all granted
        Options None
        AllowOverride None
    </Directory>

    RewriteEngine On
    RewriteRule ^/?$ /simple/ [R=302,L]
    RewriteRule ^/\\.cloche - [R=404,L]
    RewriteRule ^(/simple(?:/[^/]+)?)$ $1/ [R=301,L]

    RewriteCond %{HTTP:Accept} "@JSON_WANTED@" [NC]
    RewriteRule ^(/simple/(?:[^/]+/)?)$ $1index.v1_json
    RewriteRule ^(/simple/(?:[^/]+/)?)$ $1index.html

    RewriteCond %{HTTP:Accept-Encoding} \\bgzip\\b
    RewriteCond "@FOLDER@$1.gz" -f
    RewriteRule ^(/simple/(?:[^/]+/)?index\\.(?:html|v1_json))$ $1.gz [PT,L]
    RewriteRule ^/simple/ - [PT,L]

    <LocationMatch "^/simple/([^/]+/)?index\\.html(\\.gz)?$">
        ForceType "text/html; charset=utf-8"
    </LocationMatch>
    <LocationMatch "^/simple/([^/]+/)?index\\.v1_json(\\.gz)?$">
        ForceType "@JSON@"
    </LocationMatch>
    <LocationMatch "^/simple/">
        Header set Vary "Accept, Accept-Encoding"
        Header set Cache-Control "max-age=600"
    </LocationMatch>
    <LocationMatch "^/simple/.*\\.gz$">
        Header set Content-Encoding gzip
    </LocationMatch>
    <LocationMatch "^/packages/">
        ForceType application/octet-stream
        Header unset Content-Encoding
        Header set Cache-Control "max-age=365000000, immutable"
    </LocationMatch>
    <LocationMatch "^/packages/.*\\.provenance$">
        ForceType application/vnd.pypi.integrity.v1+json
    </LocationMatch>
    <LocationMatch "^/(pypi/[^/]+/json|json/[^/]+)$">
        ForceType application/json
    </LocationMatch>
</VirtualHost>
"""
