// dom: elements without markup in strings, so that no text can become code.

export function el(name, props = {}, ...children) {
	const node = document.createElement(name);
	for (const [key, value] of Object.entries(props)) {
		if (key.startsWith("on"))
			node.addEventListener(key.slice(2), value);
		else if (value !== false && value !== null && value !== undefined)
			node.setAttribute(key, value === true ? "" : value);
	}
	node.append(...children.flat().filter((c) => c !== null && c !== undefined));
	return node;
}

export function svg(name, props = {}, ...children) {
	const node = document.createElementNS("http://www.w3.org/2000/svg", name);
	for (const [key, value] of Object.entries(props))
		node.setAttribute(key, value);
	node.append(...children);
	return node;
}

// A table from columns {title, of(item), number, kind}.
export function table(caption, columns, items) {
	const head = el("tr", {}, columns.map((c) => el("th", {scope: "col"}, c.title)));
	const rows = items.map((item) => el("tr", {}, columns.map((c) => el("td", {class: c.kind || (c.number ? "number" : "")}, c.of(item)))));
	return el("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": caption},
		el("table", {}, el("caption", {class: "quiet"}, caption), el("thead", {}, head), el("tbody", {}, rows)));
}

export const count = (n) => new Intl.NumberFormat(document.documentElement.lang).format(n);
