// app: signs in with a token, shows the page, keeps it fresh by the watch stream.

import {get, post, list, follow, token, keepToken, dropToken, curl, Problem} from "./api.js";
import {el} from "./dom.js";
import {quotaTable} from "./quota.js";
import {placementTable} from "./placements.js";

const LIVE = "/v1/placements?state=pending,granted,delivered,accepted,bound,running,revoking";
const REFRESH_MS = 1000;
const STALE_MS = 30000;
const TRY_AGAIN_MS = 3000;
const main = document.getElementById("main");
const who = document.getElementById("who");
const stale = document.getElementById("stale");
const logout = document.getElementById("logout");

let session = null; // {abort, cursor, heardAt}
let login = ""; // where people sign in with their identity provider; "": nowhere

function curlLine(path) {
	const text = curl(path);
	const copy = el("button", {type: "button", onclick: () => navigator.clipboard.writeText(text)}, "Copy");
	return el("div", {class: "curl"}, el("code", {}, text), copy);
}

function showLogin(problem) {
	who.textContent = "";
	logout.hidden = true;
	const field = el("input", {id: "token", type: "password", autocomplete: "off", required: true, "aria-describedby": "hint"});
	const form = el("form", {onsubmit: (event) => {
		event.preventDefault();
		keepToken(field.value.trim());
		start();
	}}, el("h2", {}, "Sign in"), el("label", {for: "token"}, "Access token"), field,
	el("p", {id: "hint", class: "quiet"}, "It starts with rv_pat_ and stays in this tab."),
	problem ? el("p", {class: "error", role: "alert"}, problem) : null, el("button", {type: "submit"}, "Sign in"),
	login ? el("p", {}, el("a", {href: `${login}?return=/ui/`}, "Sign in with your organisation")) : null);
	main.replaceChildren(form);
	field.focus();
}

async function quotas() {
	const {items} = await list("/v1/tenants", 200);
	return Promise.all(items.slice(0, 200).map((t) => get(`/v1/tenants/${t.path.replaceAll("/", "~")}/quota`)));
}

async function draw() {
	const [all, placements] = await Promise.all([quotas(), list(LIVE)]);
	const scroll = window.scrollY;
	const focus = focusPlace();
	main.replaceChildren(
		el("section", {"aria-labelledby": "quota-title"}, el("h2", {id: "quota-title"}, "Quota"), quotaTable(all), curlLine("/v1/tenants")),
		el("section", {"aria-labelledby": "placements-title"}, el("h2", {id: "placements-title"}, "Placements"),
			placementTable(placements.items, placements.isCut), curlLine(LIVE)));
	window.scrollTo(0, scroll);
	focusAgain(focus);
}

// A redraw must not take the keyboard's place away: what had the focus is found again by its number among its kind.
const FOCUSABLE = "button, a[href], input, [tabindex='0']";

function focusPlace() {
	return [...main.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
}

function focusAgain(place) {
	if (place >= 0)
		main.querySelectorAll(FOCUSABLE)[place]?.focus({preventScroll: true});
}

function heard(s) {
	s.heardAt = Date.now();
	stale.hidden = true;
}

async function watch(s) {
	while (!s.abort.signal.aborted) {
		try {
			await follow("/v1/watch?kinds=tenant,quota,placement", s.cursor, s.abort.signal, (event) => {
				heard(s);
				s.cursor = event.id || s.cursor;
				s.isDirty = s.isDirty || event.event === "put" || event.event === "delete";
			});
		} catch (e) {
			if (e instanceof Problem && e.status === 410)
				s.cursor = "";
			else if (isSignedOut(e))
				return stop(e.message);
		}
		s.isDirty = true;
		await new Promise((done) => setTimeout(done, 1000 + Math.random() * 1000));
	}
}

async function refresh(s) {
	if (s.isDirty && !s.isDrawing) {
		s.isDirty = false;
		s.isDrawing = true;
		await draw().catch((e) => {
			if (isSignedOut(e))
				stop(e.message);
			else
				s.isDirty = true;
		});
		s.isDrawing = false;
	}
	if (Date.now() - s.heardAt > STALE_MS) {
		stale.textContent = `Not heard from the server for ${Math.round((Date.now() - s.heardAt) / 1000)} s; what you see may be old.`;
		stale.hidden = false;
	}
}

const isSignedOut = (e) => e instanceof Problem && e.status === 401;

function stop(problem) {
	session?.abort.abort();
	clearInterval(session?.timer);
	session = null;
	dropToken();
	showLogin(problem);
}

async function start() {
	try {
		const me = await get("/v1/whoami");
		who.textContent = `${me.name}: ${me.role}${me.tenant ? ` at ${me.tenant}` : ""}`;
		logout.hidden = false;
		session = {abort: new AbortController(), cursor: "", heardAt: Date.now(), isDirty: false};
		await draw();
		session.timer = setInterval(refresh, REFRESH_MS, session);
		watch(session);
	} catch (e) {
		if (isSignedOut(e))
			stop(e.message);
		else
			showTrouble(e.message);
	}
}

// The server does not answer: the token stays, and trying goes on.
function showTrouble(problem) {
	main.replaceChildren(el("p", {class: "error", role: "alert"}, `${problem}. Trying again.`));
	setTimeout(() => (token() || login) && start(), TRY_AGAIN_MS);
}

logout.addEventListener("click", async () => {
	const bye = token() ? {} : await post("/v1/auth/logout").catch(() => ({}));
	stop("");
	if (bye.redirect)
		location.assign(bye.redirect);
});
login = (await get("/v1/auth").catch(() => ({}))).login || "";
if (token())
	start();
else if (login)
	get("/v1/whoami").then(start, () => showLogin(""));
else
	showLogin("");
