// api: the one way to the server. Everything the console shows is a documented call; `curl` gives the same call for a shell.

const KEY = "reeve.token";

export class Problem extends Error {
	constructor(status, body) {
		super(body.detail || body.title || `the server answered ${status}`);
		this.status = status;
		this.code = body.code || "";
		this.requestId = body.instance || "";
	}
}

export const token = () => sessionStorage.getItem(KEY) || "";
export const keepToken = (text) => sessionStorage.setItem(KEY, text);
export const dropToken = () => sessionStorage.removeItem(KEY);

async function problemOf(response) {
	const body = await response.json().catch(() => ({}));
	return new Problem(response.status, body);
}

// Without a token of this tab the browser's session counts, by its cookie.
const headers = (accept) => token() ? {Authorization: `Bearer ${token()}`, Accept: accept} : {Accept: accept};

async function call(path, more) {
	const response = await fetch(path, {cache: "no-store", ...more});
	if (!response.ok)
		throw await problemOf(response);
	return response;
}

export const get = async (path) => (await call(path, {headers: headers("application/json")})).json();

// The extra header says that a page of ours sends it: other sites cannot set it.
export const post = async (path) =>
	(await call(path, {method: "POST", headers: {...headers("application/json"), "X-Reeve-Request": "1"}})).json();

// All pages of a list, up to `most` items.
export async function list(path, most = 1000) {
	const items = [];
	let cursor = "";
	do {
		const page = await get(path + (path.includes("?") ? "&" : "?") + "limit=500" + (cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""));
		items.push(...page.items);
		cursor = page.next_cursor || "";
	} while (cursor && items.length < most);
	return {items, isCut: Boolean(cursor)};
}

export const curl = (path) => `curl --cacert ca.pem -H "Authorization: Bearer $REEVE_TOKEN" '${location.origin}${path}'`;

// Follows the watch stream until `signal` aborts, from the given cursor on; calls onEvent({event, id, data}). EventSource cannot send a
// token, so the stream is read by hand (text/event-stream, WHATWG HTML 9.2).
export async function follow(path, since, signal, onEvent) {
	const url = path + (since ? `${path.includes("?") ? "&" : "?"}since=${encodeURIComponent(since)}` : "");
	const response = await call(url, {headers: headers("text/event-stream"), signal});
	const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
	let pending = "";
	for (;;) {
		const {value, done} = await reader.read();
		if (done)
			return;
		pending += value;
		const blocks = pending.split("\n\n");
		pending = blocks.pop();
		for (const block of blocks)
			onEvent(eventOf(block));
	}
}

export function eventOf(block) {
	const event = {event: "message", id: "", data: ""};
	for (const line of block.split("\n")) {
		const at = line.indexOf(":");
		if (at <= 0)
			continue;
		const name = line.slice(0, at);
		const value = line.slice(at + 1).replace(/^ /, "");
		if (name === "data")
			event.data += (event.data ? "\n" : "") + value;
		else if (name === "event" || name === "id")
			event[name] = value;
	}
	return event;
}
