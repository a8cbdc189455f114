"""The demo's sign-in page: plain HTML that needs no script."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape
from typing import Final
from urllib.parse import urlsplit

from app.db.people import DemoPerson

CHOICE: Final = "as"
STRONG: Final = "strong"
NOBODY: Final = "nobody"

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; color: #17212b; background: #eef2f6; margin: 0; }
main { max-width: 46rem; margin: 2rem auto; padding: 1rem 2rem 2rem; background: #fff; }
h1 { font-size: 1.3rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid #d5dde5; }
button { font: inherit; margin: .1rem .3rem .1rem 0; padding: .2rem .7rem; cursor: pointer; }
"""
_STYLE_HASH: Final = b64encode(sha256(_STYLE.encode()).digest()).decode()
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>bank360 · {title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""


def headers(redirect_uri: str | None = None) -> dict[str, str]:
    """Give the page's headers; ``redirect_uri`` is where its form leads to in the end.

    Browsers hold the redirect that answers a form to ``form-action`` too.
    """
    forms = "'none'"
    if redirect_uri is not None:
        parts = urlsplit(redirect_uri)
        forms = f"'self' {parts.scheme}://{parts.netloc}"
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
            f"form-action {forms}; frame-ancestors 'none'; base-uri 'none'"
        ),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def people_page(
    people: Sequence[DemoPerson], parameters: Mapping[str, str], client_id: str, *, strong: bool
) -> str:
    """Give the page that lists the people to sign in as, with a button for each post."""
    kept = "\n".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in parameters.items()
        if name not in {CHOICE, STRONG}
    )
    rows = "\n".join(map(_row, people))
    checked = " checked" if strong else ""
    content = f"""<p>This is the demo of a bank: its people are invented and sign in without a
password. Whom shall <strong>{escape(client_id)}</strong> work for?</p>
<form method="post">
{kept}
<p><label><input type="checkbox" name="{STRONG}" value="1"{checked}> with a second factor (strong
authentication), as executives and compliance need</label></p>
<table>
<tr><th scope="col">Person</th><th scope="col">Number</th><th scope="col">Sign in as</th></tr>
{rows}
</table>
<p><button name="{CHOICE}" value="{NOBODY}">Cancel</button></p>
</form>"""
    if not people:
        content = "<p>There is nobody in this bank yet: seed it, or import one, first.</p>"
    return _PAGE.format(title="Sign in", style=_STYLE, content=content)


def refusal_page(reason: str) -> str:
    """Give the page that says why nobody can sign in this way."""
    content = f"<p>{escape(reason)}</p>"
    return _PAGE.format(title="This sign-in cannot go on", style=_STYLE, content=content)


def _row(person: DemoPerson) -> str:
    buttons = "".join(
        f'<button name="{CHOICE}" value="{role}.{person.id}">{role}</button>'
        for role in person.roles
    )
    name, number = escape(person.name), escape(person.number)
    return f"<tr><td>{name}</td><td>{number}</td><td>{buttons}</td></tr>"
