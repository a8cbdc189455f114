"""GraphiQL as a person sees it, in a browser without a network."""

from dataclasses import replace

from graphiql_bank import RUN, TOKEN, make_application, served, stored, tab
from webdriver import Browser, poll

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.ids import new_id
from app.db.keys import Keys
from app.main import create_app
from app.settings import Settings


def test_person_signs_in_and_runs_examples(
    origin: str, window: Browser, token_key: TokenKey
) -> None:
    token = token_key.issue(Role.COMPLIANCE, new_id(), strong=True)
    window.open(f"{origin}/graphiql")
    window.wait_for_text("bank360 token --role RELATIONSHIP_MANAGER")
    window.type(TOKEN, f"{token}\n")
    window.wait_for_text("Signed in as COMPLIANCE")
    window.click(RUN)
    window.wait_for_text('"name": "Emma Avaya Smith"')
    window.click("//button[@aria-label='Show GraphiQL Explorer']")
    window.wait_for_text("statementFrequency")
    for name, answer in (
        ("AccountTransactions", '"kind": "CASH_WITHDRAWAL"'),
        ("Timeline", '"__typename": "Ticket"'),
        ("WhoAmI", '"stronglyAuthenticated": true'),
    ):
        window.click(tab(name))
        window.wait_for_text(f"query {name}")
        window.click(RUN)
        window.wait_for_text(answer)

    assert stored(window) == '[{},{},""]'
    assert token not in window.get("/url")
    assert token not in window.get("/source")
    requested = window.requested_urls(f"{origin}/graphiql")
    assert f"{origin}/graphql" in requested
    assert [url for url in requested if not url.startswith((f"{origin}/", "data:"))] == []
    assert window.console() == []
    window.open(f"{origin}/graphiql")
    window.wait_for_text("Not signed in")


def sign_in(window: Browser, name: str, role: str) -> None:
    """Sign in with the button, in the window that it opens."""
    (page,) = window.windows()
    window.click("//button[text()='Sign in']")
    (popup,) = poll(lambda: [each for each in window.windows() if each != page])
    window.switch(popup)
    window.click(f'//tr[td[text()="{name}"]]//button[text()="{role}"]')
    poll(lambda: window.windows() == [page])
    window.switch(page)


def test_person_signs_in_with_the_button(origin: str, window: Browser) -> None:
    window.open(f"{origin}/graphiql")
    sign_in(window, "Amir <Dvorak>", "RELATIONSHIP_MANAGER")
    window.wait_for_text("Signed in as Amir <Dvorak>, RELATIONSHIP_MANAGER")
    window.click(RUN)
    window.wait_for_text('"name": "Emma Avaya Smith"')
    window.click(tab("BeginService"))
    window.wait_for_text("mutation BeginService")
    window.click(RUN)
    window.wait_for_text('"endsAt": "')
    assert stored(window) == '[{},{},""]'
    assert window.get("/url") == f"{origin}/graphiql"
    assert "eyJ" not in window.get("/source")
    assert window.console() == []
    window.click("//button[text()='Sign out']")
    window.wait_for_text("Not signed in")
    assert "Emma Avaya Smith" not in window.text()


def test_person_with_two_posts_acts_in_one_and_changes(origin: str, window: Browser) -> None:
    window.open(f"{origin}/graphiql")
    sign_in(window, "Zoë O'Hara", "TELLER")
    window.wait_for_text("Signed in as Zoë O'Hara")
    chosen = "return document.querySelector('select').value"
    assert window.script(chosen) == "TELLER"
    window.click(tab("WhoAmI"))
    window.wait_for_text("query WhoAmI")
    window.click(RUN)
    window.wait_for_text('"actingRole": "TELLER"')
    window.type("//select[@aria-label='Acting role']", "SERVICE_AGENT")
    poll(lambda: window.script(chosen) == "SERVICE_AGENT")
    # What the teller was answered has gone.
    poll(lambda: '"actingRole": "TELLER"' not in window.text())
    window.click(tab("WhoAmI"))
    window.wait_for_text("query WhoAmI")
    window.click(RUN)
    window.wait_for_text('"actingRole": "SERVICE_AGENT"')
    assert window.console() == []


def test_a_sign_in_that_is_given_up_is_told(origin: str, window: Browser) -> None:
    window.open(f"{origin}/graphiql")
    (page,) = window.windows()
    window.click("//button[text()='Sign in']")
    (popup,) = poll(lambda: [each for each in window.windows() if each != page])
    window.switch(popup)
    window.click("//button[text()='Cancel']")
    poll(lambda: window.windows() == [page])
    window.switch(page)
    window.wait_for_text("Not signed in: The resource owner or authorization server denied")
    sign_in(window, "Zoë O'Hara", "TELLER")
    window.wait_for_text("Signed in as Zoë O'Hara")


def test_a_callback_that_nobody_waits_for_tells_nothing(origin: str, window: Browser) -> None:
    window.open(f"{origin}/graphiql/callback")
    window.wait_for_text("Nothing was asked for")
    window.open(f"{origin}/graphiql/callback?code=stolen&state=invented")
    poll(lambda: window.get("/url") == f"{origin}/graphiql/callback")
    assert "stolen" not in window.get("/source")
    assert window.console() == []


def test_customers_are_turned_away_where_the_page_is_for_staff(
    window: Browser, bank_url: str, keys: Keys, token_key: TokenKey
) -> None:
    settings = Settings.read(introspection="staff")
    app = create_app(settings, database_url=bank_url, keys=keys, token_key=token_key)
    with served(app) as origin:
        window.open(f"{origin}/graphiql")
        sign_in(window, "Emma Avaya Smith", "CUSTOMER")
        window.wait_for_text("Not signed in: GraphiQL is for people who work for the bank")
        sign_in(window, "Zoë O'Hara", "TELLER")
        window.wait_for_text("Signed in as Zoë O'Hara")


def test_editor_completes_and_checks_by_the_schema(
    origin: str, window: Browser, token_key: TokenKey
) -> None:
    window.open(f"{origin}/graphiql")
    window.type(TOKEN, token_key.issue(Role.ANALYST, new_id()) + "\n")
    window.wait_for_text("Signed in as ANALYST")
    window.click("//button[@aria-label='New tab']")
    window.click("//section[@aria-label='Operation Editor']//div[contains(@class,'view-lines')]")
    window.keys("{ viewer { stron")
    window.wait_for_text("stronglyAuthenticated")
    window.keys("\n")
    window.wait_for_text("{ viewer { stronglyAuthenticated}}")
    window.keys(" nonesuch ")
    squiggles = "return document.querySelectorAll('.squiggly-error').length"
    poll(lambda: window.script(squiggles) == 1)
    assert window.console() == []


def test_signing_out_takes_answers_off_the_page(
    origin: str, window: Browser, token_key: TokenKey
) -> None:
    window.open(f"{origin}/graphiql")
    window.type(TOKEN, token_key.issue(Role.COMPLIANCE, new_id(), strong=True) + "\n")
    window.wait_for_text("Signed in as COMPLIANCE")
    window.click(RUN)
    window.wait_for_text('"name": "Emma Avaya Smith"')
    window.click("//button[text()='Sign out']")
    window.wait_for_text("Not signed in")
    window.wait_for_text("query Customer360")
    assert "Emma Avaya Smith" not in window.text()
    window.click(RUN)
    window.wait_for_text("sign in first")
    assert window.console() == []


def test_tokens_that_are_not_accepted_are_explained(
    window: Browser, bank_url: str, keys: Keys
) -> None:
    key = TokenKey.new()
    with served(make_application(bank_url, keys, key)) as origin:
        window.open(f"{origin}/graphiql")
        window.type(TOKEN, "to ken\n")
        window.wait_for_text("Not signed in: this is no token")
        window.type(TOKEN, key.issue(Role.ANALYST, new_id(), ttl_seconds=-120) + "\n")
        window.wait_for_text("Not signed in: the token has expired")
        window.type(TOKEN, key.issue(Role.ANALYST, new_id()) + "\n")
        window.wait_for_text("Signed in as ANALYST")
        window.click(tab("WhoAmI"))
        window.wait_for_text("query WhoAmI")
        key._keys = replace(TokenKey.new()._keys, generation=1)
        window.click(RUN)
        window.wait_for_text("Not signed in: the token is not accepted")
        assert "query WhoAmI" in window.text()
