// quota: one bar per tenant and model: what is used against what is guaranteed and what is the limit.

import {el, svg, count} from "./dom.js";

const AXES = [["device_milli", "GPUs", 1000], ["memory_mib", "GiB", 1024], ["compute_milli", "compute", 1000]];

// The axis that is named first; a model without any promise or limit shows its use in GPUs.
export function axisOf(model) {
	return AXES.find(([name]) => model.limit?.[name] !== undefined || model.guaranteed?.[name] !== undefined) || AXES[0];
}

export function figures(model) {
	const [name, unit, scale] = axisOf(model);
	const of = (part) => (model[part]?.[name] === undefined ? null : model[part][name] / scale);
	return {unit, used: of("used") || 0, guaranteed: of("guaranteed"), limit: of("limit")};
}

function words(f) {
	const parts = [`${count(f.used)} ${f.unit} used`];
	if (f.guaranteed !== null)
		parts.push(`${count(f.guaranteed)} guaranteed`);
	parts.push(f.limit === null ? "no limit" : `limit ${count(f.limit)}`);
	return parts.join(", ");
}

// Stripes, so that use above the limit is not told by colour alone.
function hatch() {
	const stripe = svg("path", {class: "stripe", d: "M0 8 L8 0"});
	return svg("defs", {}, svg("pattern", {id: "hatch", width: 8, height: 8, patternUnits: "userSpaceOnUse"}, stripe));
}

export function bar(f) {
	// Without a limit there is always room: the bar never looks full.
	const whole = Math.max(f.limit ?? 1.25 * Math.max(f.used, f.guaranteed ?? 0), f.guaranteed ?? 0, f.used, 1e-9);
	const x = (v) => (1000 * v) / whole;
	const within = Math.min(f.used, f.limit ?? f.used);
	const parts = [
		svg("rect", {class: "room", x: 0, y: 0, width: 1000, height: 24}),
		svg("rect", {class: "promised", x: 0, y: 0, width: x(f.guaranteed ?? 0), height: 24}),
		svg("rect", {class: "use", x: 0, y: 5, width: x(within), height: 14}),
	];
	if (f.used > within)
		parts.push(hatch(), svg("rect", {class: "over", x: x(within), y: 5, width: x(f.used - within), height: 14}));
	if (f.limit !== null)
		parts.push(svg("line", {class: "limit", x1: x(f.limit), x2: x(f.limit), y1: 0, y2: 24}));
	return svg("svg", {class: "bar", viewBox: "0 0 1000 24", preserveAspectRatio: "none", role: "img", "aria-label": words(f)}, ...parts);
}

export function quotaTable(quotas) {
	const rows = quotas.flatMap((q) => Object.entries(q.models).map(([model, m]) => ({tenant: q.tenant, model, f: figures(m)})));
	if (!rows.length)
		return el("p", {class: "quiet"}, "No tenant in sight has quota or uses devices yet.");
	const body = rows.map((r) => el("tr", {}, el("td", {}, r.tenant), el("td", {}, r.model), el("td", {}, bar(r.f)), el("td", {}, words(r.f))));
	return el("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "Quota by tenant and model"}, el("table", {},
		el("thead", {}, el("tr", {}, ["Tenant", "Model", "Use", "In numbers"].map((t) => el("th", {scope: "col"}, t)))), el("tbody", {}, body)));
}
