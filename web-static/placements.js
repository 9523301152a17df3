// placements: what runs, what waits, and the first thing it waits for.

import {el, table, count} from "./dom.js";

export function blockerWords(blockers) {
	if (!blockers?.length)
		return "";
	const [b] = blockers;
	const what = [b.class, b.axis].filter(Boolean).join(" ");
	const more = blockers.length > 1 ? ` (+${blockers.length - 1})` : "";
	return `${b.code}${b.scope ? ` at ${b.scope}` : ""}: ${what} needs ${count(b.need)}, ${count(b.free)} free${more}`;
}

export function whereWords(p) {
	const nodes = [...new Set((p.placed || []).map((pod) => pod.node))];
	const devices = (p.placed || []).reduce((n, pod) => n + (pod.devices?.length || 0), 0);
	return nodes.length ? `${p.cluster} / ${nodes.slice(0, 2).join(", ")}${nodes.length > 2 ? ` +${nodes.length - 2}` : ""}, ${devices} devices` : "";
}

export function placementTable(placements, isCut) {
	if (!placements.length)
		return el("p", {class: "quiet"}, "Nothing runs and nothing waits.");
	return table(`${placements.length}${isCut ? " or more" : ""} placements`, [
		{title: "Placement", of: (p) => p.name || p.id},
		{title: "Tenant", of: (p) => p.tenant},
		{title: "State", kind: "state", of: (p) => p.state},
		{title: "Where", of: whereWords},
		{title: "Waits for", of: (p) => blockerWords(p.blockers)},
		{title: "Then", of: (p) => p.blockers?.[0]?.unblocks_when || ""},
	], placements);
}
