#include "agents/cluster/home.h"

#include "agents/cluster/credential.h"
#include "agents/file.h"

static const char *path_in(arena *a, const char *folder, const char *name)
{
	return str_print(a, "%s/%s%c", folder, name, 0).p;
}

static err id_open(const char *path, arena *a, home *h, fault *f)
{
	str text;

	if (!file_exists(path)) {
		id fresh = id_make("agt");
		err e = file_write(path, 0600, id_str(&fresh), f);
		if (e)
			return e;
	}
	err e = file_read(path, a, &text, f);
	if (e)
		return e;
	text = str_trim(str_split(&text, '\n'));
	if (!id_is(text, "agt"))
		return fault_set(f, ERR_IO, NULL, "%s holds no agent id", path);
	memcpy(h->agent_id, text.p, text.n);
	h->agent_id[text.n] = 0;
	return ERR_OK;
}

err home_reread(home *h, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	err e = id_open(h->id, a, h, f);

	return e ? e : credential_key(h->key, f);
}

err home_open(const char *folder, arena *a, home *ret, fault *f)
{
	*ret = (home){
		.key = path_in(a, folder, "key.pem"),
		.cert = path_in(a, folder, "cert.pem"),
		.ca = path_in(a, folder, "ca.pem"),
		.id = path_in(a, folder, "agent.id"),
		.plan_key = path_in(a, folder, "plan.pem"),
		.usage = path_in(a, folder, "usage.journal"),
		.facts = path_in(a, folder, "agent.journal"),
		.reality = path_in(a, folder, "cluster.journal"),
	};
	err e = file_folder(folder, f);
	if (!e)
		e = id_open(ret->id, a, ret, f);
	return e ? e : credential_key(ret->key, f);
}
