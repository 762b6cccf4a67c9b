"""Every route names its permission, or stands in a short list with the reason why nobody is asked for."""

from console.app import ROUTERS, create_app
from console.settings import ConsoleSettings
from database.settings import DatabaseSettings
from firmware_profiles.link.mqtt import Broker
from tests.support.console import routes_of

PUBLIC = {
    "/login": "nobody is logged in there yet",
    "/api/login": "nobody is logged in there yet",
    "/password": "one's own, by the session and the present password; the only page with a one-time password",
    "/account": "one's own",
    "/account/confirm": "one's own, by the session and the password",
    "/account/language": "one's own",
    "/account/news/read": "one's own",
    "/account/second-factor": "one's own; to begin asks for the password again",
    "/account/second-factor/enrol": "one's own, by the code of the app that was shown the secret",
    "/account/second-factor/remove": "one's own, by password and code",
    "/account/recovery-codes": "one's own, by the password",
    "/account/passkeys": "one's own; asks for the password again",
    "/account/passkeys/new": "one's own; asks for the password again",
    "/account/passkeys/options": "one's own; asks for the password again",
    "/account/passkeys/{number}/remove": "one's own; asks for the password again",
    "/account/sessions/end-others": "one's own",
    "/account/sessions/{number}/end": "one's own",
    "/login/second-factor": "after the right password, by the browser that gave it",
    "/login/passkey": "nobody is logged in there yet",
    "/login/passkey/options": "nobody is logged in there yet",
    "/logout": "ends the session that the cookie names, if there is one",
    "/language/{language}": "a choice of this browser, kept in its cookie",
    "/session/stay": "one's own session, which the cookie names",
    "/theme/{choice}": "a choice of this browser, kept in its cookie",
    "/healthz": "says of the console alone whether it works",
    "/push-worker.js": "a script like those below /static",
    "/styles/{version}.css": "a sheet of style like those below /static",
    "/type-size/{size}": "a choice of this browser, kept in its cookie",
    "/family-app/manifest.webmanifest": "names and icons of the app, like those below /static",
    "/family-app/worker.js": "a script like those below /static",
    "/family-app/offline": "says that nothing is known, of nobody",
    "/apple-touch-icon.png": "an icon like those below /static",
    "/home/{token}": "a signed link, for the panel of one home",
    "/home/{token}/now": "a signed link, for the panel of one home",
    "/home/{token}/press": "a signed link, for the panel of one home",
    "/home/{token}/cancel": "a signed link, for the panel of one home",
    "/home/{token}/consents": "a signed link, for the panel of one home",
    "/home/{token}/helped": "a signed link, for the panel of one home",
    "/home/{token}/services": "a signed link, for the panel of one home",
    "/a/{token}": "a signed link, for one person and one message",
    "/a/{token}/step": "a signed link, for one person and one message",
    "/field-worker.js": "a script like those below /static",
    "/assessment-worker.js": "a script like those below /static",
    "/receipts/{token}": "a signed address, for one attempt to deliver",
    "/w/{token}": "a signed link, for one person and one order",
    "/w/{token}/mark": "a signed link, for one person and one order; it shows neither",
    "/w/{token}/place": "a signed link; the person's account has the permission, or is refused",
    "/w/{token}/place/withdraw": "a signed link; the person's account has the permission, or is refused",
    "/door/{token}": "a signed link, for one person and one visit, from the day before until it is over",
    "/help/{token}": "a signed link, for one volunteer and one request",
    "/neighbour/{token}": "a signed link, for one volunteer, until it is renewed or taken back",
    "/neighbour/{token}/missed": "a signed link, for one volunteer, until it is renewed or taken back",
    "/neighbour/{token}/courses/{course}": "a signed link, for one volunteer, until it is renewed or taken back",
    "/neighbour/{token}/tests/{number}": "a signed link, for one volunteer, until it is renewed or taken back",
    "/neighbour/{token}/statement": "a signed link, for one volunteer, until it is renewed or taken back",
    "/help-done/{token}": "a signed link, for the receiving side of one request",
    "/n/{token}": "a signed link, for one person and one digest of reminders",
    "/care/notices/mine": "one's own",
    "/rate/{token}": "a signed link, for one visit",
    "/verify-certificate": "whoever holds the paper, by its code of 80 bits; says what stands on it",
}


def test_every_route_asks_for_a_permission_or_says_why_not() -> None:
    routes = routes_of(create_app(ConsoleSettings(), DatabaseSettings(), Broker()))
    assert len(routes) > 60
    assert {route.path for route in routes if not route.needs} == set(PUBLIC)


def test_no_address_is_there_twice() -> None:
    names = [route.name for route in routes_of(create_app(ConsoleSettings(), DatabaseSettings(), Broker()))]
    assert len(names) == len(set(names))
    assert len(ROUTERS) == len(set(map(id, ROUTERS)))
