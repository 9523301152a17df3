"""What a person sees of the console, in a real browser over TLS: sign in, quota, what waits and why, news without reloading, sign out.

    console.py FOLDER       with REEVE_URL, REEVE_TOKEN and REEVE_CA of a running server in the environment
"""
import json
import os
import ssl
import sys
import urllib.request

from browser import Browser

URL = os.environ["REEVE_URL"]
TOKEN = os.environ["REEVE_TOKEN"]
TLS = ssl.create_default_context(cafile=os.environ["REEVE_CA"])
BODY = "document.body.innerText"


def api(method, path, body=None, **headers):
    headers = {"Authorization": "Bearer " + TOKEN, "Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    request = urllib.request.Request(URL + path, None if body is None else json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request, context=TLS, timeout=20) as answer:
        return json.load(answer)


def fleet_make():
    """A tenant with quota for devices that no cluster has yet: what it asks for waits."""
    api("POST", "/v1/tenants", {"name": "acme"})
    api("PUT", "/v1/tenants/acme/quota", {"models": {"h100-80g": {"limit": {"device_milli": 8000}}}}, If_Match="*")
    api("POST", "/v1/placements?wait=5s", {"tenant": "acme", "name": "train", "devices": [{"count": 16, "classes": ["h100-80g"]}]})


def sign_in(page, token):
    page.until("the form", "document.querySelector('#token') !== null")
    page.eval(f"document.querySelector('#token').value = {json.dumps(token)}; document.querySelector('form').requestSubmit()")


def a_wrong_token_is_refused_with_a_sentence(page):
    sign_in(page, "rv_pat_0000000000000000000000000000000000000000")
    page.until("the refusal", "document.querySelector('[role=alert]')?.innerText.length > 10")
    assert page.eval("sessionStorage.length") == 0, "the wrong token was kept"
    page.complaints = [c for c in page.complaints if "401" not in c]


def signing_in_shows_who_one_is_quota_and_what_waits(page):
    sign_in(page, TOKEN)
    page.until("the name", "document.querySelector('#who').innerText.includes(':')")
    page.until("the tenant's bar", "document.querySelector('svg.bar[aria-label*=\"limit 8\"]') !== null")
    page.until("the placement", f"{BODY}.includes('train')")
    page.until("its blocker with a number", "/no_such_cluster: needs 1, 0 free/.test(" + BODY + ")")
    assert page.eval("document.querySelector('svg.bar').getBoundingClientRect().width") > 50, "the bar has no width"


def a_change_shows_without_reloading(page):
    page.eval("window.isTheSamePage = true")
    api("PUT", "/v1/tenants/acme/quota", {"models": {"h100-80g": {"limit": {"device_milli": 24000}}}}, If_Match="*")
    page.until("the new limit", "document.querySelector('svg.bar[aria-label*=\"limit 24\"]') !== null")
    assert page.eval("window.isTheSamePage") is True, "the page was loaded again"


HOSTILE = {
    "a script element": "const s = document.createElement('script'); s.textContent = 'window.isHostile = true'; document.body.append(s)",
    "a handler in markup": "document.querySelector('footer').innerHTML = '<img src=x onerror=\"window.isHostile = true\">'",
    "text as code": "new Function('window.isHostile = true')()",
    "a script of another site": "const s = document.createElement('script'); s.src = 'data:text/javascript,window.isHostile = true'; document.body.append(s)",
}


def script_that_is_not_ours_does_not_run(page):
    assert page.complaints == [], page.complaints
    for what, code in HOSTILE.items():
        is_refused = page.eval(f"(() => {{ try {{ {code} }} catch {{ return true }} return false }})()")
        ran = page.eval("new Promise((done) => setTimeout(() => done(window.isHostile === true), 200))")
        assert not ran, what + " ran"
        assert is_refused or page.complaints, what + " was not even refused"
        page.complaints = []


def signing_out_leaves_nothing(page):
    page.eval("document.querySelector('#logout').click()")
    page.until("the form", "document.querySelector('#token') !== null")
    assert page.eval("sessionStorage.length + localStorage.length + document.cookie.length") == 0, "something stayed"
    assert "acme" not in page.text()
    assert page.complaints == [], page.complaints


def main():
    fleet_make()
    page = Browser(sys.argv[1])
    try:
        page.open(URL + "/ui/")
        for step in (a_wrong_token_is_refused_with_a_sentence, signing_in_shows_who_one_is_quota_and_what_waits,
                     a_change_shows_without_reloading, script_that_is_not_ours_does_not_run, signing_out_leaves_nothing):
            step(page)
            print("held:", step.__name__.replace("_", " "))
    finally:
        page.close()


main()
