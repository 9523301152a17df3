/* What the routes do when all is well: tables of requests in order, each with what it answers. */
#include <criterion/criterion.h>

#include "pg/pg.h"
#include "scene.h"

#define ADMIN "platform_admin", NULL
#define OWNER "tenant_owner", "acme"
#define PATCH "Content-Type: application/merge-patch+json\r\n"
#define N(v)  (sizeof(v) / sizeof(*(v)))

/* clang-format off */
static const scene health[] = {
	{"the process turns", NULL, NULL, "GET", "/livez", NULL, NULL, 200, "{'status':'ok'}", "Cache-Control: no-store"},
	{"HEAD is GET without a body", NULL, NULL, "HEAD", "/livez", NULL, NULL, 200, NULL, "Content-Length: 15"},
	{"nobody sniffs", NULL, NULL, "GET", "/livez", NULL, NULL, 200, NULL, "X-Content-Type-Options: nosniff"},
	{"a request's id is kept", NULL, NULL, "GET", "/livez", "X-Request-Id: my-trace.0001\r\n", NULL, 200, NULL, "X-Request-Id: my-trace.0001"},
	{"one that is too short is not", NULL, NULL, "GET", "/livez", "X-Request-Id: short\r\n", NULL, 200, NULL, "X-Request-Id: req_"},
	{"one with other bytes is not", NULL, NULL, "GET", "/livez", "X-Request-Id: my trace 0001\r\n", NULL, 200, NULL, "X-Request-Id: req_"},
	{"it can serve", NULL, NULL, "GET", "/readyz?verbose=true", NULL, NULL, 200, "{'status':'ready'}", NULL},
	{"metrics are text", NULL, NULL, "GET", "/metrics", NULL, NULL, 200, NULL, "Content-Type: text/plain; version=0.0.4"},
	{"the contract is JSON", NULL, NULL, "GET", "/openapi.json", NULL, NULL, 200, "{'openapi':'3.1.0'}", NULL},
	{"the console has its policy", NULL, NULL, "GET", "/ui/", NULL, NULL, 200, NULL, "Content-Security-Policy: default-src 'none'; script-src 'self'"},
	{"and is asked for each time", NULL, NULL, "GET", "/ui/index.html", NULL, NULL, 200, NULL, "Cache-Control: no-cache", "page=@ETag"},
	{"and is not sent twice", NULL, NULL, "GET", "/ui/index.html", "If-None-Match: {page}\r\n", NULL, 304, NULL, NULL},
	{"the root leads there", NULL, NULL, "GET", "/", NULL, NULL, 302, NULL, "Location: /ui/"},
	{"no way out of the folder", NULL, NULL, "GET", "/ui/../secret.txt", NULL, NULL, 404, NULL, NULL},
	{"nor escaped", NULL, NULL, "GET", "/ui/%2e%2e/secret.txt", NULL, NULL, 404, NULL, NULL},
	{"files are read only", NULL, NULL, "POST", "/ui/index.html", NULL, NULL, 405, NULL, "Allow: GET, HEAD"},
};

static const scene tenants[] = {
	{"made", ADMIN, "POST", "/v1/tenants", "Idempotency-Key: one\r\n", "{\"name\":\"acme\",\"labels\":{\"team\":\"a\"}}", 201, "{'name':'acme','path':'acme','revision':1,'labels':{'team':'a'}}", "ETag: \"1\"", "acme=id"},
	{"a repeat answers the same and does nothing", ADMIN, "POST", "/v1/tenants", "Idempotency-Key: \"one\"\r\n", "{\"name\":\"acme\",\"labels\":{\"team\":\"a\"}}", 201, "{'id':'{acme}'}", "Idempotency-Replayed: true"},
	{"a repeat with another body is refused", ADMIN, "POST", "/v1/tenants", "Idempotency-Key: one\r\n", "{\"name\":\"acme2\"}", 422, "{'code':'idempotency_key_reused'}", NULL},
	{"a child", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"research\",\"parent\":\"acme\"}", 201, "{'path':'acme/research','depth':2,'parent':'acme'}", NULL},
	{"a grandchild, its parent by path", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"nlp\",\"parent\":\"acme/research\"}", 201, "{'path':'acme/research/nlp','depth':3}", NULL},
	{"another tree", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"umbra\"}", 201, NULL, NULL, "umbra=id"},
	{"read by path", ADMIN, "GET", "/v1/tenants/acme~research", NULL, NULL, 200, "{'path':'acme/research'}", "ETag: \""},
	{"read by id", ADMIN, "GET", "/v1/tenants/{acme}", NULL, NULL, 200, "{'path':'acme'}", NULL},
	{"not sent again", ADMIN, "GET", "/v1/tenants/acme", "If-None-Match: \"7\", \"1\"\r\n", NULL, 304, NULL, "ETag: \"1\""},
	{"sent when changed", ADMIN, "GET", "/v1/tenants/acme", "If-None-Match: \"7\"\r\n", NULL, 200, NULL, NULL},
	{"changed", ADMIN, "PATCH", "/v1/tenants/acme", PATCH "If-Match: \"1\"\r\n", "{\"description\":\"ours\",\"reason\":\"a note\"}", 200, "{'description':'ours','labels':{'team':'a'}}", "ETag: \"", "now=@ETag"},
	{"a null takes away", ADMIN, "PATCH", "/v1/tenants/acme", PATCH "If-Match: {now}\r\n", "{\"description\":null}", 200, "{'description':'','labels':{'team':'a'}}", NULL},
	{"forced", ADMIN, "PATCH", "/v1/tenants/acme", PATCH "If-Match: *\r\n", "{\"labels\":null}", 200, "{'labels':{}}", NULL},
	{"a page", ADMIN, "GET", "/v1/tenants?limit=2", NULL, NULL, 200, "{'items':[{'path':'acme'},{'path':'acme/research'}]}", "Link: </v1/tenants?limit=2&cursor=", "cursor=next_cursor"},
	{"the next", ADMIN, "GET", "/v1/tenants?limit=2&cursor={cursor}", NULL, NULL, 200, "{'items':[{'path':'acme/research/nlp'},{'path':'system'}]}", NULL, "cursor2=next_cursor"},
	{"the last", ADMIN, "GET", "/v1/tenants?limit=2&cursor={cursor2}", NULL, NULL, 200, "{'items':[{'path':'umbra'}],'next_cursor':null}", "!Link"},
	{"a cursor of another query", ADMIN, "GET", "/v1/tenants?limit=2&subtree=true&cursor={cursor}", NULL, NULL, 400, "{'code':'cursor_mismatch'}", NULL},
	{"a cursor of another caller", OWNER, "GET", "/v1/tenants?limit=2&cursor={cursor}", NULL, NULL, 400, "{'code':'cursor_mismatch'}", NULL},
	{"the deepest first, then by name", ADMIN, "GET", "/v1/tenants?limit=3&sort=-depth,name&fields=path", NULL, NULL, 200, "{'items':[{'path':'acme/research/nlp'},{'path':'acme/research'},{'path':'acme'}]}", "Link: </v1/tenants?limit=3&sort=-depth,name&fields=path&cursor=", "deep=next_cursor"},
	{"and on in that order", ADMIN, "GET", "/v1/tenants?limit=3&sort=-depth,name&cursor={deep}", NULL, NULL, 200, "{'items':[{'path':'system'},{'path':'umbra'}],'next_cursor':null}", "!Link"},
	{"a cursor of another order", ADMIN, "GET", "/v1/tenants?limit=3&sort=depth,name&cursor={deep}", NULL, NULL, 400, "{'code':'cursor_mismatch'}", NULL},
	{"an order of what the list has not", ADMIN, "GET", "/v1/tenants?sort=colour", NULL, NULL, 400, "{'code':'bad_parameter','errors':[{'pointer':'sort'}]}", NULL},
	{"nor of nothing", ADMIN, "GET", "/v1/tenants?sort=", NULL, NULL, 400, "{'code':'bad_parameter','errors':[{'pointer':'sort'}]}", NULL},
	{"nor of four", ADMIN, "GET", "/v1/tenants?sort=name,path,depth,revision", NULL, NULL, 400, "{'code':'bad_parameter','errors':[{'pointer':'sort'}]}", NULL},
	{"of a tenant's own alone", OWNER, "GET", "/v1/tenants?sort=-name", NULL, NULL, 200, "{'items':[{'path':'acme/research'},{'path':'acme/research/nlp'},{'path':'acme'}]}", NULL},
	{"a high limit is cut, not refused", ADMIN, "GET", "/v1/tenants?limit=5000", NULL, NULL, 200, "{'next_cursor':null}", NULL},
	{"a subtree", ADMIN, "GET", "/v1/tenants?under=acme&subtree=true", NULL, NULL, 200, "{'items':[{'path':'acme'},{'path':'acme/research'},{'path':'acme/research/nlp'}]}", NULL},
	{"a subtree named as in a URL", ADMIN, "GET", "/v1/tenants?under=acme~research&subtree=true", NULL, NULL, 200, "{'items':[{'path':'acme/research'},{'path':'acme/research/nlp'}]}", NULL},
	{"a tenant sees its own tree", OWNER, "GET", "/v1/tenants", NULL, NULL, 200, "{'items':[{'path':'acme'},{'path':'acme/research'},{'path':'acme/research/nlp'}]}", NULL},
	{"what lies outside does not exist", OWNER, "GET", "/v1/tenants/umbra", NULL, NULL, 404, "{'code':'not_found'}", NULL},
	{"nor by id", OWNER, "GET", "/v1/tenants/{umbra}", NULL, NULL, 404, NULL, NULL},
	{"nor to be changed", OWNER, "PATCH", "/v1/tenants/umbra", PATCH "If-Match: *\r\n", "{\"description\":\"x\"}", 404, NULL, NULL},
	{"a tenant makes one below itself", OWNER, "POST", "/v1/tenants", NULL, "{\"name\":\"vision\",\"parent\":\"acme\"}", 201, "{'path':'acme/vision'}", NULL},
	{"and sees it at once", OWNER, "GET", "/v1/tenants/acme~vision", NULL, NULL, 200, NULL, NULL},
	{"and not beside itself", OWNER, "POST", "/v1/tenants", NULL, "{\"name\":\"rival\"}", 422, "{'code':'unknown_tenant'}", NULL},
	{"only some fields", ADMIN, "GET", "/v1/tenants?under=acme~research&fields=path,depth", NULL, NULL, 200, "{'items':[{'depth':2,'path':'acme/research'}]}", "Content-Length: 65"},
	{"of a table too", ADMIN, "GET", "/v1/tenants?under=acme~research&fields=path", "Accept: text/plain\r\n", NULL, 200, NULL, "Content-Length: 19"},
	{"a cursor goes on with others", ADMIN, "GET", "/v1/tenants?limit=2&fields=id&cursor={cursor}", NULL, NULL, 200, "{'items':[{},{}]}", NULL},
	{"a field there is not", ADMIN, "GET", "/v1/tenants?fields=path,colour", NULL, NULL, 400, "{'code':'bad_parameter','errors':[{'pointer':'fields'}]}", NULL},
	{"nor none", ADMIN, "GET", "/v1/tenants?fields=", NULL, NULL, 400, "{'code':'bad_parameter'}", NULL},
	{"of one object all are told", ADMIN, "GET", "/v1/tenants/acme?fields=path", NULL, NULL, 400, "{'code':'unknown_parameter'}", NULL},
	{"made without being told of it", ADMIN, "POST", "/v1/tenants", "Prefer: wait=3, return=minimal\r\n", "{\"name\":\"quiet\"}", 201, NULL, "Content-Length: 0", "quiet=@ETag"},
	{"but where it is", ADMIN, "POST", "/v1/tenants", "Prefer: return=minimal\r\n", "{\"name\":\"quieter\"}", 201, NULL, "Location: /v1/tenants/tnt_"},
	{"changed by that tag", ADMIN, "PATCH", "/v1/tenants/quiet", PATCH "Prefer: return=minimal\r\nIf-Match: {quiet}\r\n", "{\"description\":\"x\"}", 204, NULL, "Preference-Applied: return=minimal"},
	{"a refusal is told of", ADMIN, "PATCH", "/v1/tenants/quiet", PATCH "Prefer: return=minimal\r\nIf-Match: {quiet}\r\n", "{\"description\":\"y\"}", 412, "{'code':'etag_mismatch'}", "!Preference-Applied"},
	{"a tenant with children stays", ADMIN, "DELETE", "/v1/tenants/acme", "If-Match: *\r\n", NULL, 409, "{'code':'state_transition'}", NULL},
	{"one without goes", ADMIN, "DELETE", "/v1/tenants/acme~vision", "If-Match: *\r\n", NULL, 204, NULL, NULL},
	{"and is gone", ADMIN, "GET", "/v1/tenants/acme~vision", NULL, NULL, 404, NULL, NULL},
};

static const scene priorities[] = {
	{"a tenant", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}", 201, NULL, NULL},
	{"three are there at first", "viewer", "acme", "GET", "/v1/priorities", NULL, NULL, 200, "{'items':[{'name':'high','value':1000,'may_preempt':true},{'name':'low','value':-1000,'may_preempt':false},{'name':'normal','value':0,'preemptible':true,'reserve_after_s':600,'min_runtime_s':120,'grace_s':30}]}", NULL},
	{"one of them", ADMIN, "GET", "/v1/priorities/low", NULL, NULL, 200, "{'name':'low','revision':0}", "ETag: \"0\""},
	{"made", ADMIN, "PUT", "/v1/priorities/night", "If-None-Match: *\r\n", "{\"value\":-500,\"preemptible\":true}", 201, "{'name':'night','value':-500,'may_preempt':false,'grace_s':30}", "Location: /v1/priorities/night", "p=@ETag"},
	{"not made twice", ADMIN, "PUT", "/v1/priorities/night", "If-None-Match: *\r\n", "{\"value\":1}", 412, "{'code':'etag_mismatch'}", NULL},
	{"changed", ADMIN, "PUT", "/v1/priorities/night", "If-Match: {p}\r\n", "{\"value\":-600,\"may_preempt\":true}", 200, "{'value':-600,'may_preempt':true}", NULL},
	{"a change needs its condition", ADMIN, "PUT", "/v1/priorities/night", NULL, "{\"value\":1}", 428, "{'code':'if_match_required'}", NULL},
	{"a stale change", ADMIN, "PUT", "/v1/priorities/night", "If-Match: {p}\r\n", "{\"value\":1}", 412, NULL, NULL},
	{"no name", ADMIN, "PUT", "/v1/priorities/Night", "If-None-Match: *\r\n", "{\"value\":1}", 400, "{'code':'bad_parameter'}", NULL},
	{"a value out of range", ADMIN, "PUT", "/v1/priorities/x", "If-None-Match: *\r\n", "{\"value\":1000001}", 422, "{'code':'bad_field'}", NULL},
	{"only by the platform", "tenant_owner", "acme", "PUT", "/v1/priorities/x", "If-None-Match: *\r\n", "{\"value\":1}", 403, NULL, NULL},
	{"asked for", "member", "acme", "POST", "/v1/placements", NULL, "{\"tenant\":\"acme\",\"priority\":\"night\",\"preemptible\":false}", 201, "{'request':{'priority':'night','preemptible':false}}", NULL},
	{"one that nobody made", "member", "acme", "POST", "/v1/placements", NULL, "{\"tenant\":\"acme\",\"priority\":\"noon\"}", 422, "{'code':'unknown_priority','errors':[{'pointer':'#/priority'}]}", NULL},
	{"nor in a batch", "member", "acme", "POST", "/v1/placements:batch", NULL, "{\"items\":[{\"tenant\":\"acme\",\"priority\":\"low\"},{\"tenant\":\"acme\",\"priority\":\"noon\"}]}", 422, "{'code':'unknown_priority','errors':[{'pointer':'#/items/1/priority'}]}", NULL},
};

static const scene quota[] = {
	{"empty at first", ADMIN, "GET", "/v1/tenants/acme/quota", NULL, NULL, 200, "{'tenant':'acme','models':{},'weight':1000}", "ETag: \"0\""},
	{"set whole", ADMIN, "PUT", "/v1/tenants/acme/quota", "If-Match: \"0\"\r\n", "{\"models\":{\"h100-80g\":{\"limit\":{\"device_milli\":8000,\"memory_mib\":1000},\"guaranteed\":{\"device_milli\":4000}}},\"weight\":2000,\"credits_limit\":5}", 200, "{'models':{'h100-80g':{'limit':{'device_milli':8000,'memory_mib':1000},'guaranteed':{'device_milli':4000}}},'weight':2000,'credits_limit':5}", "ETag: \"", "q=@ETag"},
	{"a stale put", ADMIN, "PUT", "/v1/tenants/acme/quota", "If-Match: \"0\"\r\n", "{\"models\":{}}", 412, "{'code':'etag_mismatch'}", NULL},
	{"one amount changes", ADMIN, "PATCH", "/v1/tenants/acme/quota", PATCH "If-Match: {q}\r\n", "{\"models\":{\"h100-80g\":{\"limit\":{\"device_milli\":9000}}}}", 200, "{'models':{'h100-80g':{'limit':{'device_milli':9000,'memory_mib':1000},'guaranteed':{'device_milli':4000}}},'weight':2000}", NULL},
	{"one amount goes", ADMIN, "PATCH", "/v1/tenants/acme/quota", PATCH "If-Match: *\r\n", "{\"models\":{\"h100-80g\":{\"limit\":{\"memory_mib\":null}}},\"credits_limit\":null}", 200, "{'models':{'h100-80g':{'limit':{'device_milli':9000}}}}", NULL},
	{"a model comes", ADMIN, "PATCH", "/v1/tenants/acme/quota", PATCH "If-Match: *\r\n", "{\"models\":{\"l40s\":{\"limit\":{\"device_milli\":1}}}}", 200, "{'models':{'h100-80g':{'limit':{'device_milli':9000}},'l40s':{'limit':{'device_milli':1}}}}", NULL},
	{"a model goes", ADMIN, "PATCH", "/v1/tenants/acme/quota", PATCH "If-Match: *\r\n", "{\"models\":{\"h100-80g\":null}}", 200, "{'models':{'l40s':{'limit':{'device_milli':1}}}}", NULL},
	{"what is gone stays gone", ADMIN, "GET", "/v1/tenants/acme/quota", NULL, NULL, 200, "{'weight':2000}", NULL},
	{"nobody sets the quota of the topmost tenant it holds", OWNER, "PUT", "/v1/tenants/acme/quota", "If-Match: *\r\n", "{\"models\":{}}", 403, "{'code':'permission_denied'}", NULL},
	{"but of those below", OWNER, "PUT", "/v1/tenants/acme~research/quota", "If-Match: *\r\n", "{\"models\":{\"l40s\":{\"limit\":{\"device_milli\":5}}}}", 200, NULL, NULL},
	{"not of others", OWNER, "GET", "/v1/tenants/umbra/quota", NULL, NULL, 404, NULL, NULL},
};

static const scene tokens[] = {
	{"who am I", OWNER, "GET", "/v1/whoami", NULL, NULL, 200, "{'role':'tenant_owner','tenant':'acme'}", NULL},
	{"the roles", "viewer", "acme", "GET", "/v1/roles", NULL, NULL, 200, "{'next_cursor':null}", NULL},
	{"made by a tenant for its own tree", OWNER, "POST", "/v1/tokens", NULL, "{\"name\":\"ci\",\"role\":\"member\",\"tenant\":\"acme/research\"}", 201, "{'name':'ci','role':'member','tenant':'acme/research'}", "Location: /v1/tokens/tok_", "id=id"},
	{"never shown again", OWNER, "GET", "/v1/tokens", NULL, NULL, 200, NULL, "!ETag"},
	{"not more than the maker has", OWNER, "POST", "/v1/tokens", NULL, "{\"name\":\"up\",\"role\":\"platform_admin\"}", 403, "{'code':'escalation_denied'}", NULL},
	{"not for the whole fleet", OWNER, "POST", "/v1/tokens", NULL, "{\"name\":\"up\",\"role\":\"member\"}", 403, "{'code':'escalation_denied'}", NULL},
	{"not for others", OWNER, "POST", "/v1/tokens", NULL, "{\"name\":\"up\",\"role\":\"member\",\"tenant\":\"umbra\"}", 422, "{'code':'unknown_tenant'}", NULL},
	{"revoked", OWNER, "POST", "/v1/tokens/{id}:revoke", NULL, "{\"reason\":\"over\"}", 200, NULL, NULL},
	{"without a body too", ADMIN, "POST", "/v1/tokens/{id}:revoke", NULL, NULL, 200, NULL, NULL},
	{"one that is not there", OWNER, "POST", "/v1/tokens/tok_00000000000000000000000000:revoke", NULL, NULL, 404, NULL, NULL},
};

static const scene fleet[] = {
	{"made with its join token", ADMIN, "POST", "/v1/clusters", "Idempotency-Key: c1\r\n", "{\"name\":\"par-1\",\"default_tenant\":\"acme\"}", 201, "{'name':'par-1','state':'pending','default_tenant':'acme','nodes':0}", "ETag: \"", "c=id"},
	{"a repeat does not show it", ADMIN, "POST", "/v1/clusters", "Idempotency-Key: c1\r\n", "{\"name\":\"par-1\",\"default_tenant\":\"acme\"}", 201, "{'id':'{c}'}", "Idempotency-Replayed: true"},
	{"read", "member", "acme", "GET", "/v1/clusters/par-1", NULL, NULL, 200, "{'id':'{c}','is_cordoned':false}", NULL},
	{"closed", ADMIN, "POST", "/v1/clusters/par-1:cordon", NULL, "{\"reason\":\"repair\"}", 200, "{'is_cordoned':true,'is_frozen':false,'state':'pending'}", "ETag: \""},
	{"frozen", ADMIN, "POST", "/v1/clusters/par-1:freeze", NULL, NULL, 200, "{'is_cordoned':true,'is_frozen':true}", NULL},
	{"opened", ADMIN, "POST", "/v1/clusters/par-1:uncordon", NULL, NULL, 200, "{'is_cordoned':false,'is_frozen':true}", NULL},
	{"thawed", ADMIN, "POST", "/v1/clusters/par-1:unfreeze", NULL, NULL, 200, "{'is_frozen':false}", NULL},
	{"accepted", ADMIN, "POST", "/v1/clusters/par-1:accept", NULL, NULL, 200, "{'state':'ready'}", NULL},
	{"drained", ADMIN, "POST", "/v1/clusters/par-1:drain", NULL, NULL, 200, "{'is_cordoned':true,'is_draining':true}", "ETag: \""},
	{"opened again", ADMIN, "POST", "/v1/clusters/par-1:uncordon", NULL, NULL, 200, "{'is_cordoned':false,'is_draining':false}", NULL},
	{"not longer than a day", ADMIN, "POST", "/v1/clusters/par-1:drain", NULL, "{\"grace_s\":86401}", 422, "{'errors':[{'pointer':'#/grace_s'}]}", NULL},
	{"not lost without a reason", ADMIN, "POST", "/v1/clusters/par-1:declare-lost", NULL, "{\"requeue\":true}", 422, "{'errors':[{'pointer':'#/reason'}]}", NULL},
	{"lost", ADMIN, "POST", "/v1/clusters/par-1:declare-lost", NULL, "{\"reason\":\"burnt down\"}", 200, "{'state':'lost'}", NULL},
	{"found again", ADMIN, "POST", "/v1/clusters/par-1:accept", NULL, NULL, 200, "{'state':'ready'}", NULL},
	{"no default tenant", ADMIN, "PATCH", "/v1/clusters/par-1", PATCH "If-Match: *\r\n", "{\"default_tenant\":null}", 200, "{'name':'par-1','state':'ready'}", NULL},
	{"not by tenants", OWNER, "POST", "/v1/clusters/par-1:cordon", NULL, NULL, 403, "{'code':'permission_denied'}", NULL},
	{"listed", ADMIN, "GET", "/v1/clusters", NULL, NULL, 200, "{'items':[{'name':'par-1'}]}", NULL},
	{"no such node", ADMIN, "POST", "/v1/nodes/nod_x:cordon", NULL, NULL, 404, NULL, NULL},
	{"no such device", ADMIN, "GET", "/v1/devices/dev_x", NULL, NULL, 404, NULL, NULL},
	{"gone", ADMIN, "DELETE", "/v1/clusters/par-1", "If-Match: *\r\n", NULL, 204, NULL, NULL},
	{"a class is made", ADMIN, "PUT", "/v1/device-classes/x1-8g", "If-None-Match: *\r\n", "{\"vendor\":\"acme\",\"memory_mib\":8192,\"patterns\":[\"X1 *\"]}", 201, "{'name':'x1-8g','model':'x1-8g','patterns':['X1 *'],'slots':100}", "Location: /v1/device-classes/x1-8g", "x=@ETag"},
	{"and changed", ADMIN, "PUT", "/v1/device-classes/x1-8g", "If-Match: {x}\r\n", "{\"vendor\":\"acme\",\"memory_mib\":8000}", 200, "{'memory_mib':8000,'patterns':[]}", NULL},
	{"and read", "member", "acme", "GET", "/v1/device-classes/x1-8g", NULL, NULL, 200, "{'vendor':'acme'}", NULL},
};

static const scene records[] = {
	{"the chain, as JSON", ADMIN, "GET", "/v1/audit?limit=1", NULL, NULL, 200, "{'items':[{'n':1,'action':'tenant.create','object_kind':'tenant','outcome':'done'}]}", NULL},
	{"as lines", ADMIN, "GET", "/v1/audit?limit=2", "Accept: application/x-ndjson\r\n", NULL, 200, NULL, "Content-Type: application/x-ndjson"},
	{"as a table", ADMIN, "GET", "/v1/audit?limit=2", "Accept: text/html;q=0, text/csv\r\n", NULL, 200, NULL, "Content-Type: text/csv"},
	{"a tenant sees its own", OWNER, "GET", "/v1/audit?tenant=acme&subtree=true", NULL, NULL, 200, NULL, NULL},
	{"a viewer none", "viewer", "acme", "GET", "/v1/audit", NULL, NULL, 403, NULL, NULL},
	{"both chains hold", ADMIN, "GET", "/v1/audit:verify", NULL, NULL, 200, "{'is_intact':true,'first_broken':0,'stream_gaps':0}", NULL},
	{"nothing was used", ADMIN, "GET", "/v1/usage", NULL, NULL, 200, "{'items':[]}", NULL},
	{"as a table with its head", ADMIN, "GET", "/v1/usage", "Accept: text/csv\r\n", NULL, 200, NULL, "Content-Type: text/csv"},
};
/* Two nodes: one of a half empty whole device, one of slices, all full. */
static const scene nodes[] = {
	{"all", ADMIN, "GET", "/v1/nodes", NULL, NULL, 200, "{'items':[{'name':'n1'},{'name':'n2'}]}", NULL},
	{"by name", ADMIN, "GET", "/v1/nodes?node=n2", NULL, NULL, 200, "{'items':[{'name':'n2'}]}", NULL},
	{"by id", ADMIN, "GET", "/v1/nodes?node=nod_1", NULL, NULL, 200, "{'items':[{'name':'n1'}]}", NULL},
	{"by class", ADMIN, "GET", "/v1/nodes?class=h100-80g.7g", NULL, NULL, 200, "{'items':[{'name':'n2'}]}", NULL},
	{"by model", ADMIN, "GET", "/v1/nodes?model=h100-80g", NULL, NULL, 200, "{'items':[{'name':'n1'},{'name':'n2'}]}", NULL},
	{"by free memory", ADMIN, "GET", "/v1/nodes?free_memory_mib.gte=500", NULL, NULL, 200, "{'items':[{'name':'n1'}]}", NULL},
	{"more than any has", ADMIN, "GET", "/v1/nodes?free_memory_mib.gte=501", NULL, NULL, 200, "{'items':[]}", NULL},
	{"of one device", ADMIN, "GET", "/v1/nodes?class=h100-80g.7g&free_memory_mib.gte=500", NULL, NULL, 200, "{'items':[]}", NULL},
};
/* clang-format on */

Test(api_routes, nodes_are_found_by_what_they_hold)
{
	served_start("api_nodes");
	pg_do(served_dsn(),
		"INSERT INTO device_class (name, model, vendor, memory_mib) VALUES ('h100-80g.7g', 'h100-80g', 'nvidia', 1000) "
		"ON CONFLICT DO NOTHING");
	pg_do(served_dsn(), "INSERT INTO cluster (id, name, state, labels) VALUES ('cls_1', 'par', 'ready', '{}')");
	pg_do(served_dsn(),
		"INSERT INTO node (id, cluster_key, name, rank, cpu_milli, memory_mib, pods, health, seen_at) SELECT 'nod_' || i, "
		"key, 'n' || i, i, 1, 1, 1, 'ok', now() FROM cluster, generate_series(1, 2) i");
	pg_do(served_dsn(),
		"INSERT INTO device (id, node_key, cluster_key, uuid, index_no, class, product, memory_mib, compute_milli, slots, "
		"health, used_memory_mib, seen_at) SELECT 'dev_' || key, key, cluster_key, 'u' || key, 0, CASE name WHEN 'n1' THEN "
		"'h100-80g' ELSE 'h100-80g.7g' END, '', 1000, 1000, 10, 'ok', CASE name WHEN 'n1' THEN 500 ELSE 1000 END, now() "
		"FROM node");
	scenes_play(nodes, N(nodes));
}

Test(api_routes, they_do_what_they_say)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_routes");
	pg_do(served_dsn(), "UPDATE leader SET beat = now() - interval '1 minute'");
	cr_expect_eq(
		served_call(a, NULL, "GET", "/readyz", NULL, NULL).status, 503, "without a placer it is not ready");
	pg_do(served_dsn(), "UPDATE leader SET beat = now()");
	scenes_play(health, N(health));
	scenes_play(tenants, N(tenants));
	scenes_play(quota, N(quota));
	scenes_play(tokens, N(tokens));
	scenes_play(fleet, N(fleet));
	scenes_play(records, N(records));
	cr_expect_str_eq(
		pg_text(served_dsn(), "SELECT string_agg(action || ' ' || outcome, ', ' ORDER BY n) FROM audit "
				      "WHERE object_kind = 'route'"),
		"TOKEN_CREATE refused:escalation_denied, CLUSTER_CORDON refused:permission_denied, AUDIT_LIST "
		"refused:permission_denied");
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM op_key WHERE answer LIKE '%rv_join_%'"), 0);
	cr_expect_eq(pg_int(served_dsn(), "SELECT n FROM chain WHERE id = 'g'"),
		pg_int(served_dsn(), "SELECT count(*) FROM audit"));
}

Test(api_routes, priorities_are_the_platforms_and_requests_name_one)
{
	served_start("api_priorities");
	scenes_play(priorities, N(priorities));
}
