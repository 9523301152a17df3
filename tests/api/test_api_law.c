/* What holds for every change of the API alike: dry runs leave nothing, repeats have one effect. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/routes.h"
#include "pg/pg.h"
#include "scene.h"

#define ADMIN    "platform_admin", NULL
#define MEMBER   "member", "acme"
#define APPROVER "quota_approver", NULL
#define PATCH    "Content-Type: application/merge-patch+json\r\n"
#define ANY      "If-Match: *\r\n"
#define DRY      "Dry-Run: true"
#define N(v)     (sizeof(v) / sizeof(*(v)))

/* clang-format off */
static const scene setup[] = {
	{"a tenant", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}", 201, NULL, "!Dry-Run", NULL},
	{"one to delete", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"idle\"}", 201, NULL, NULL, NULL},
	{"a cluster", ADMIN, "POST", "/v1/clusters", NULL, "{\"name\":\"par\"}", 201, NULL, NULL, NULL},
	{"a token", ADMIN, "POST", "/v1/tokens", NULL, "{\"name\":\"ci\",\"role\":\"member\",\"tenant\":\"acme\"}", 201, NULL, NULL, "tok=id"},
	{"a placement", MEMBER, "POST", "/v1/placements", NULL, "{\"tenant\":\"acme\"}", 201, NULL, NULL, "plc=id"},
	{"a limit", ADMIN, "PATCH", "/v1/tenants/acme/quota", PATCH ANY, "{\"models\":{\"l4\":{\"limit\":{\"device_milli\":7}}}}", 200, NULL, NULL, NULL},
	{"a raise", MEMBER, "POST", "/v1/quota-requests", NULL, "{\"tenant\":\"acme\",\"model\":\"l4\",\"limit\":{\"device_milli\":1},\"reason\":\"x\"}", 201, NULL, NULL, "rse=id"},
	{"a trust", ADMIN, "POST", "/v1/trusts", NULL, "{\"name\":\"main\",\"issuer\":\"https://issuer.example\",\"audience\":\"x\",\"match\":{\"project_id\":\"1\"},\"grants\":[{\"role\":\"viewer\",\"tenant\":\"acme\"}]}", 201, NULL, NULL, "trs=id"},
	{"a policy", ADMIN, "POST", "/v1/policies", NULL, "{\"tenant\":\"acme\"}", 201, NULL, NULL, "pol=id"},
	{"a budget", ADMIN, "POST", "/v1/budgets", NULL, "{\"tenant\":\"acme\",\"unit\":\"gpu_hours\",\"period\":\"day\",\"amount\":1,\"action\":\"notify\"}", 201, NULL, NULL, "bgt=id"},
	{"a binding", ADMIN, "POST", "/v1/bindings", NULL, "{\"subject\":\"user:ada\",\"role\":\"viewer\",\"tenant\":\"acme\"}", 201, NULL, NULL, "bnd=id"},
	{"a plan", ADMIN, "POST", "/v1/plans", NULL, "{\"manager\":\"git\",\"tenants\":{\"fresh\":{}}}", 201, NULL, NULL, "pln=plan_id"},
	{"a reservation", ADMIN, "POST", "/v1/reservations", NULL, "{\"tenant\":\"acme\",\"ends_at\":\"{+3600}\",\"class\":\"h100-80g\"}", 201, NULL, NULL, "rsv=id"},
};

/* One row at least for every operation that changes something. */
static const scene dry[] = {
	{"a tenant, as if made", ADMIN, "POST", "/v1/tenants?dry_run=true", NULL, "{\"name\":\"new\",\"labels\":{\"a\":\"b\"}}", 201, "{'name':'new','path':'new','depth':1,'labels':{'a':'b'},'id':null}", DRY, NULL},
	{"without a place", ADMIN, "POST", "/v1/tenants?dry_run=true", NULL, "{\"name\":\"new\"}", 201, NULL, "!Location", NULL},
	{"nor a tag", ADMIN, "POST", "/v1/tenants?dry_run=true", NULL, "{\"name\":\"new\"}", 201, NULL, "!ETag", NULL},
	{"its refusal is the real one", ADMIN, "POST", "/v1/tenants?dry_run=true", NULL, "{\"name\":\"acme\"}", 409, "{'code':'conflict'}", DRY, NULL},
	{"its key is not used up", ADMIN, "POST", "/v1/tenants?dry_run=true", "Idempotency-Key: k\r\n", "{\"name\":\"new\"}", 201, NULL, "!Idempotency-Replayed", NULL},
	{"nor looked at", ADMIN, "POST", "/v1/tenants?dry_run=true", "Idempotency-Key: k\r\n", "{\"name\":\"newer\"}", 201, NULL, NULL, NULL},
	{"true or false", ADMIN, "POST", "/v1/tenants?dry_run=1", NULL, "{\"name\":\"new\"}", 400, "{'code':'bad_parameter','errors':[{'pointer':'dry_run'}]}", NULL, NULL},
	{"once", ADMIN, "POST", "/v1/tenants?dry_run=true&dry_run=true", NULL, "{\"name\":\"new\"}", 400, "{'code':'bad_parameter'}", NULL, NULL},
	{"not for reading", ADMIN, "GET", "/v1/tenants?dry_run=true", NULL, NULL, 400, "{'code':'unknown_parameter'}", NULL, NULL},
	{"a patch", ADMIN, "PATCH", "/v1/tenants/acme?dry_run=true", PATCH ANY, "{\"description\":\"x\"}", 200, "{'description':'x','path':'acme'}", DRY, NULL},
	{"a stale one", ADMIN, "PATCH", "/v1/tenants/acme?dry_run=true", PATCH "If-Match: \"999\"\r\n", "{\"description\":\"x\"}", 412, "{'code':'etag_mismatch','current_etag':'\\\"1\\\"'}", NULL, NULL},
	{"one without If-Match", ADMIN, "PATCH", "/v1/tenants/acme?dry_run=true", PATCH, "{\"description\":\"x\"}", 428, NULL, NULL, NULL},
	{"a delete", ADMIN, "DELETE", "/v1/tenants/idle?dry_run=true", ANY, NULL, 204, NULL, DRY, NULL},
	{"a quota", ADMIN, "PUT", "/v1/tenants/acme/quota?dry_run=true", ANY, "{\"models\":{\"l40s\":{\"limit\":{\"device_milli\":5}}}}", 200, "{'tenant':'acme','models':{'l40s':{'limit':{'device_milli':5},'used':{'device_milli':0}}},'conditions':[]}", DRY, NULL},
	{"part of one", ADMIN, "PATCH", "/v1/tenants/acme/quota?dry_run=true", PATCH ANY, "{\"models\":{\"l40s\":{\"limit\":{\"device_milli\":6}}}}", 200, "{'models':{'l40s':{'limit':{'device_milli':6}}}}", DRY, NULL},
	{"a cluster, without the token", ADMIN, "POST", "/v1/clusters?dry_run=true", NULL, "{\"name\":\"new\"}", 201, "{'name':'new','id':null,'join_token':null}", DRY, NULL},
	{"a cluster's default", ADMIN, "PATCH", "/v1/clusters/par?dry_run=true", PATCH ANY, "{\"default_tenant\":\"acme\"}", 200, "{'default_tenant':'acme'}", DRY, NULL},
	{"a cluster gone", ADMIN, "DELETE", "/v1/clusters/par?dry_run=true", ANY, NULL, 204, NULL, DRY, NULL},
	{"accepted", ADMIN, "POST", "/v1/clusters/par:accept?dry_run=true", NULL, NULL, 200, "{'state':'ready'}", DRY, NULL},
	{"cordoned", ADMIN, "POST", "/v1/clusters/par:cordon?dry_run=true", NULL, "{\"reason\":\"x\"}", 200, "{'is_cordoned':true}", DRY, NULL},
	{"uncordoned", ADMIN, "POST", "/v1/clusters/par:uncordon?dry_run=true", NULL, NULL, 200, "{'is_cordoned':false}", DRY, NULL},
	{"a namespace", ADMIN, "PUT", "/v1/clusters/par/namespaces/nlp?dry_run=true", "If-None-Match: *\r\n", "{\"tenant\":\"acme\"}", 201, "{'cluster':'par','namespace':'nlp','tenant':'acme'}", "!Location", NULL},
	{"a namespace gone", ADMIN, "DELETE", "/v1/clusters/par/namespaces/web?dry_run=true", ANY, NULL, 204, NULL, DRY, NULL},
	{"frozen", ADMIN, "POST", "/v1/clusters/par:freeze?dry_run=true", NULL, NULL, 200, "{'is_frozen':true}", DRY, NULL},
	{"its agent out, without the token to come back", ADMIN, "POST", "/v1/clusters/par:revoke-agent?dry_run=true", NULL, NULL, 200, "{'name':'par','join_token':null}", DRY, NULL},
	{"unfrozen", ADMIN, "POST", "/v1/clusters/par:unfreeze?dry_run=true", NULL, NULL, 200, "{'is_frozen':false}", DRY, NULL},
	{"drained", ADMIN, "POST", "/v1/clusters/par:drain?dry_run=true", NULL, "{\"grace_s\":5}", 200, "{'is_draining':true,'is_cordoned':true}", DRY, NULL},
	{"lost", ADMIN, "POST", "/v1/clusters/par:declare-lost?dry_run=true", NULL, "{\"reason\":\"burnt\"}", 200, "{'state':'lost'}", DRY, NULL},
	{"a node", ADMIN, "POST", "/v1/nodes/nod_1:cordon?dry_run=true", NULL, NULL, 200, NULL, DRY, NULL},
	{"opened", ADMIN, "POST", "/v1/nodes/nod_1:uncordon?dry_run=true", NULL, NULL, 200, NULL, DRY, NULL},
	{"a device", ADMIN, "POST", "/v1/devices/dev_1:cordon?dry_run=true", NULL, NULL, 200, NULL, DRY, NULL},
	{"opened too", ADMIN, "POST", "/v1/devices/dev_1:uncordon?dry_run=true", NULL, NULL, 200, NULL, DRY, NULL},
	{"one that is not there", ADMIN, "POST", "/v1/devices/dev_9:cordon?dry_run=true", NULL, NULL, 404, NULL, DRY, NULL},
	{"a token, without its secret", ADMIN, "POST", "/v1/tokens?dry_run=true", NULL, "{\"name\":\"x\",\"role\":\"viewer\",\"tenant\":\"acme\"}", 201, "{'name':'x','tenant':'acme','token':null,'id':null}", DRY, NULL},
	{"a policy of raises", ADMIN, "PUT", "/v1/tenants/acme/raise-policy?dry_run=true", ANY, "{\"auto_device_milli\":1}", 200, "{'tenant':'acme','auto_device_milli':1}", DRY, NULL},
	{"a raise", MEMBER, "POST", "/v1/quota-requests?dry_run=true", NULL, "{\"tenant\":\"acme\",\"model\":\"l4\",\"limit\":{\"device_milli\":1},\"reason\":\"x\"}", 201, "{'state':'pending','id':null}", DRY, NULL},
	{"approved", APPROVER, "POST", "/v1/quota-requests/{rse}:approve?dry_run=true", NULL, NULL, 200, "{'state':'applied','approved_by':['user:ada']}", DRY, NULL},
	{"denied", APPROVER, "POST", "/v1/quota-requests/{rse}:deny?dry_run=true", NULL, "{\"reason\":\"no\"}", 200, "{'state':'denied','ended_reason':'no'}", DRY, NULL},
	{"withdrawn", MEMBER, "POST", "/v1/quota-requests/{rse}:cancel?dry_run=true", NULL, NULL, 200, "{'state':'cancelled'}", DRY, NULL},
	{"a trust", ADMIN, "POST", "/v1/trusts?dry_run=true", NULL, "{\"name\":\"new\",\"issuer\":\"https://issuer.example\",\"audience\":\"x\",\"match\":{\"project_id\":\"1\"},\"grants\":[{\"role\":\"viewer\",\"tenant\":\"acme\"}]}", 201, "{'name':'new','id':null}", DRY, NULL},
	{"a budget", ADMIN, "POST", "/v1/budgets?dry_run=true", NULL, "{\"tenant\":\"acme\",\"unit\":\"gpu_hours\",\"period\":\"week\",\"amount\":5,\"action\":\"notify\"}", 201, "{'amount':5,'id':null}", DRY, NULL},
	{"a budget changed", ADMIN, "PATCH", "/v1/budgets/{bgt}?dry_run=true", PATCH ANY, "{\"amount\":7}", 200, "{'amount':7,'period':'day'}", DRY, NULL},
	{"a budget gone", ADMIN, "DELETE", "/v1/budgets/{bgt}?dry_run=true", ANY, NULL, 204, NULL, DRY, NULL},
	{"a reservation", ADMIN, "POST", "/v1/reservations?dry_run=true", NULL, "{\"tenant\":\"acme\",\"ends_at\":\"{+3600}\",\"class\":\"h100-80g\",\"count\":4,\"per_node\":2}", 201, "{'tenant':'acme','state':'pending','count':4,'id':null}", DRY, NULL},
	{"a reservation gone", ADMIN, "DELETE", "/v1/reservations/{rsv}?dry_run=true", ANY, NULL, 204, NULL, DRY, NULL},
	{"a trust gone", ADMIN, "DELETE", "/v1/trusts/{trs}?dry_run=true", ANY, NULL, 204, NULL, DRY, NULL},
	{"a policy", ADMIN, "POST", "/v1/policies?dry_run=true", NULL, "{\"tenant\":\"acme\",\"placement\":{\"node_policy\":\"spread\"}}", 201, "{'tenant':'acme','number':2,'placement':{'node_policy':'spread'},'is_applied':false,'id':null}", DRY, NULL},
	{"a policy applied", ADMIN, "POST", "/v1/policies/{pol}:apply?dry_run=true", "If-Match: \"0\"\r\n", NULL, 200, "{'id':'{pol}','is_applied':true}", DRY, NULL},
	{"a binding", ADMIN, "POST", "/v1/bindings?dry_run=true", NULL, "{\"subject\":\"user:bob\",\"role\":\"viewer\",\"tenant\":\"acme\"}", 201, "{'subject':'user:bob','id':null}", DRY, NULL},
	{"a binding gone", ADMIN, "DELETE", "/v1/bindings/{bnd}?dry_run=true", ANY, NULL, 204, NULL, DRY, NULL},
	{"a token of one's own", ADMIN, "POST", "/v1/whoami/tokens?dry_run=true", NULL, "{\"name\":\"x\",\"role\":\"viewer\",\"tenant\":\"acme\"}", 201, "{'name':'x','tenant':'acme','token':null,'id':null}", DRY, NULL},
	{"one of them revoked", ADMIN, "POST", "/v1/whoami/tokens/{tok}:revoke?dry_run=true", NULL, NULL, 200, NULL, DRY, NULL},
	{"a session ended", ADMIN, "POST", "/v1/sessions/ses_00000000000000000000000000:end?dry_run=true", NULL, NULL, 200, NULL, DRY, NULL},
	{"revoked", ADMIN, "POST", "/v1/tokens/{tok}:revoke?dry_run=true", NULL, NULL, 200, NULL, DRY, NULL},
	{"a class", ADMIN, "PUT", "/v1/device-classes/x1?dry_run=true", "If-None-Match: *\r\n", "{\"vendor\":\"x\",\"memory_mib\":1}", 201, "{'name':'x1'}", "!Location", NULL},
	{"a priority", ADMIN, "PUT", "/v1/priorities/night?dry_run=true", "If-None-Match: *\r\n", "{\"value\":1}", 201, "{'name':'night','value':1}", "!Location", NULL},
	{"a plan", ADMIN, "POST", "/v1/plans?dry_run=true", NULL, "{\"manager\":\"git\",\"tenants\":{\"fresh\":{}}}", 201, "{'result':'changes','plan_id':null}", DRY, NULL},
	{"a plan applied", ADMIN, "POST", "/v1/plans/{pln}:apply?dry_run=true", ANY, NULL, 200, "{'plan_id':'{pln}','state':'planned'}", DRY, NULL},
	{"a placement", MEMBER, "POST", "/v1/placements?dry_run=true", NULL, "{\"tenant\":\"acme\",\"name\":\"p\"}", 201, "{'tenant':'acme','state':'pending','name':'p','id':null}", DRY, NULL},
	{"its wait waits for nothing", MEMBER, "POST", "/v1/placements?wait=2s&dry_run=true", NULL, "{\"tenant\":\"acme\"}", 201, NULL, "!Location", NULL},
	{"of a tenant out of sight", MEMBER, "POST", "/v1/placements?dry_run=true", NULL, "{\"tenant\":\"idle\"}", 422, "{'code':'unknown_tenant'}", NULL, NULL},
	{"many", MEMBER, "POST", "/v1/placements:batch?dry_run=true", NULL, "{\"items\":[{\"tenant\":\"acme\"},{\"tenant\":\"acme\",\"name\":\"b\"}]}", 201, "{'items':[{'state':'pending'},{'name':'b'}]}", DRY, NULL},
	{"a release", MEMBER, "DELETE", "/v1/placements/{plc}?dry_run=true", NULL, NULL, 202, "{'id':'{plc}','state':'pending'}", DRY, NULL},
	{"of one that is not there", MEMBER, "DELETE", "/v1/placements/plc_x?dry_run=true", NULL, NULL, 404, NULL, DRY, NULL},
};

static const scene again[] = {
	{"a patch", ADMIN, "PATCH", "/v1/tenants/acme", PATCH "If-Match: \"1\"\r\nIdempotency-Key: p1\r\n", "{\"description\":\"once\"}", 200, "{'description':'once'}", "!Idempotency-Replayed", "rev=revision"},
	{"its repeat, though the tag is old by now", ADMIN, "PATCH", "/v1/tenants/acme", PATCH "If-Match: \"1\"\r\nIdempotency-Key: \"p1\"\r\n", "{\"description\":\"once\"}", 200, "{'description':'once','revision':{rev}}", "Idempotency-Replayed: true", NULL},
	{"with another body", ADMIN, "PATCH", "/v1/tenants/acme", PATCH "If-Match: \"1\"\r\nIdempotency-Key: p1\r\n", "{\"description\":\"twice\"}", 422, "{'code':'idempotency_key_reused'}", NULL, NULL},
	{"for another route it is another key", ADMIN, "POST", "/v1/clusters/par:cordon", "Idempotency-Key: p1\r\n", NULL, 200, "{'is_cordoned':true}", "!Idempotency-Replayed", NULL},
	{"whose repeat has its own answer", ADMIN, "POST", "/v1/clusters/par:cordon", "Idempotency-Key: p1\r\n", NULL, 200, "{'is_cordoned':true}", "Idempotency-Replayed: true", NULL},
	{"and the first still has its own", ADMIN, "PATCH", "/v1/tenants/acme", PATCH "If-Match: \"1\"\r\nIdempotency-Key: p1\r\n", "{\"description\":\"once\"}", 200, "{'description':'once'}", "Idempotency-Replayed: true", NULL},
	{"for another object too", ADMIN, "PATCH", "/v1/tenants/idle", PATCH ANY "Idempotency-Key: p1\r\n", "{\"description\":\"once\"}", 200, "{'path':'idle','description':'once'}", "!Idempotency-Replayed", NULL},
	{"a stale tag", ADMIN, "PATCH", "/v1/tenants/acme", PATCH "If-Match: \"1\"\r\nIdempotency-Key: p2\r\n", "{\"description\":\"more\"}", 412, NULL, NULL, NULL},
	{"uses no key up", ADMIN, "PATCH", "/v1/tenants/acme", PATCH "If-Match: \"{rev}\"\r\nIdempotency-Key: p2\r\n", "{\"description\":\"more\"}", 200, "{'description':'more'}", "!Idempotency-Replayed", NULL},
	{"an action", ADMIN, "POST", "/v1/clusters/par:cordon", "Idempotency-Key: c1\r\n", NULL, 200, "{'is_cordoned':true}", "!Idempotency-Replayed", NULL},
	{"undone by another", ADMIN, "POST", "/v1/clusters/par:uncordon", NULL, NULL, 200, "{'is_cordoned':false}", NULL, NULL},
	{"is answered as it was, and does nothing", ADMIN, "POST", "/v1/clusters/par:cordon", "Idempotency-Key: c1\r\n", NULL, 200, "{'is_cordoned':true}", "Idempotency-Replayed: true", NULL},
	{"so it stands open", ADMIN, "GET", "/v1/clusters/par", NULL, NULL, 200, "{'is_cordoned':false}", NULL, NULL},
	{"a quota", ADMIN, "PATCH", "/v1/tenants/acme/quota", PATCH ANY "Idempotency-Key: q1\r\n", "{\"models\":{\"l40s\":{\"limit\":{\"device_milli\":5}}}}", 200, "{'models':{'l40s':{'limit':{'device_milli':5},'used':{'device_milli':0}}}}", "!Idempotency-Replayed", "q=revision"},
	{"changed by another", ADMIN, "PATCH", "/v1/tenants/acme/quota", PATCH ANY, "{\"models\":{\"l40s\":{\"limit\":{\"device_milli\":6}}}}", 200, NULL, NULL, NULL},
	{"is answered as it was", ADMIN, "PATCH", "/v1/tenants/acme/quota", PATCH ANY "Idempotency-Key: q1\r\n", "{\"models\":{\"l40s\":{\"limit\":{\"device_milli\":5}}}}", 200, "{'revision':{q},'models':{'l40s':{'limit':{'device_milli':5},'used':{'device_milli':0}}},'conditions':[]}", "Idempotency-Replayed: true", NULL},
	{"a delete", ADMIN, "DELETE", "/v1/tenants/idle", ANY "Idempotency-Key: d1\r\n", NULL, 204, NULL, NULL, NULL},
	{"again", ADMIN, "DELETE", "/v1/tenants/idle", ANY "Idempotency-Key: d1\r\n", NULL, 204, NULL, "Idempotency-Replayed: true", NULL},
	{"without the key it is gone", ADMIN, "DELETE", "/v1/tenants/idle", ANY, NULL, 404, NULL, NULL, NULL},
	{"a revocation", ADMIN, "POST", "/v1/tokens/{tok}:revoke", "Idempotency-Key: r1\r\n", NULL, 200, NULL, "!Idempotency-Replayed", NULL},
	{"a second time", ADMIN, "POST", "/v1/tokens/{tok}:revoke", "Idempotency-Key: r1\r\n", NULL, 200, NULL, "Idempotency-Replayed: true", NULL},
	{"a refusal is repeated too", ADMIN, "POST", "/v1/tenants", "Idempotency-Key: f1\r\n", "{\"name\":\"acme\"}", 409, "{'code':'conflict'}", NULL, NULL},
	{"word by word", ADMIN, "POST", "/v1/tenants", "Idempotency-Key: f1\r\n", "{\"name\":\"acme\"}", 409, "{'code':'conflict','errors':[{'pointer':'#/name'}]}", NULL, NULL},
	{"a release", MEMBER, "DELETE", "/v1/placements/{plc}", "Idempotency-Key: x1\r\n", NULL, 202, NULL, "!Idempotency-Replayed", NULL},
	{"a second release", MEMBER, "DELETE", "/v1/placements/{plc}", "Idempotency-Key: x1\r\n", NULL, 202, NULL, "Idempotency-Replayed: true", NULL},
	{"the key for something else", MEMBER, "POST", "/v1/placements", "Idempotency-Key: x1\r\n", "{\"tenant\":\"acme\"}", 201, NULL, "!Idempotency-Replayed", "kept=id"},
	{"is another key", MEMBER, "POST", "/v1/placements", "Idempotency-Key: x1\r\n", "{\"tenant\":\"acme\"}", 201, "{'id':'{kept}'}", "Idempotency-Replayed: true", NULL},
	{"one key is too long", ADMIN, "POST", "/v1/tenants", "Idempotency-Key: a b\r\n", "{\"name\":\"z\"}", 400, "{'code':'bad_parameter','errors':[{'pointer':'Idempotency-Key'}]}", NULL, NULL},
};

static const scene answers[] = {
	{"rights count for what is only tried", MEMBER, "POST", "/v1/tenants?dry_run=true", NULL, "{\"name\":\"new\"}", 403, NULL, "!ETag", NULL},
	{"a trace goes on", NULL, NULL, "GET", "/livez", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n", NULL, 200, NULL, "traceparent: 00-0af7651916cd43dd8448eb211c80319c-"},
	{"with its flags", NULL, NULL, "GET", "/livez", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n", NULL, 200, NULL, "traceparent: -01"},
	{"of a later version too", NULL, NULL, "GET", "/livez", "traceparent: 01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-more\r\n", NULL, 200, NULL, "traceparent: 00-0af7651916cd43dd8448eb211c80319c-"},
	{"also on a refusal", NULL, NULL, "GET", "/nowhere", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n", NULL, 404, NULL, "traceparent: 00-0af7651916cd43dd8448eb211c80319c-"},
	{"or begins", NULL, NULL, "GET", "/livez", NULL, NULL, 200, NULL, "traceparent: 00-"},
	{"what is asked, is told", ADMIN, "OPTIONS", "/v1/tenants", NULL, NULL, 204, NULL, "Allow: GET, HEAD, POST, OPTIONS"},
	{"for one of them", NULL, NULL, "OPTIONS", "/v1/tenants/acme", NULL, NULL, 204, NULL, "Allow: GET, HEAD, PATCH, DELETE, OPTIONS"},
	{"not for what is nowhere", NULL, NULL, "OPTIONS", "/v1/nowhere", NULL, NULL, 404, NULL, NULL},
	{"what is not answered", ADMIN, "PUT", "/v1/tenants", NULL, "{}", 405, "{'code':'method_not_allowed'}", "Allow: GET, HEAD, POST, OPTIONS"},
	{"nor is a trace", ADMIN, "TRACE", "/v1/tenants", NULL, NULL, 405, "{'code':'method_not_allowed'}", "Allow: GET, HEAD, POST, OPTIONS"},
	{"an action is only done", ADMIN, "GET", "/v1/clusters/par:cordon", NULL, NULL, 405, NULL, "Allow: POST, OPTIONS"},
	{"a head", ADMIN, "HEAD", "/v1/tenants/acme", NULL, NULL, 200, NULL, "ETag: \"1\""},
	{"a head of a page", ADMIN, "HEAD", "/v1/tenants?limit=1", NULL, NULL, 200, NULL, "Link: <"},
	{"a table", ADMIN, "GET", "/v1/tenants", "Accept: text/plain\r\n", NULL, 200, NULL, "Content-Type: text/plain"},
	{"not of one", ADMIN, "GET", "/v1/tenants/acme", "Accept: text/plain\r\n", NULL, 406, NULL, NULL},
	{"JSON where both are taken, in their order", ADMIN, "GET", "/v1/tenants", "Accept: application/json, text/plain\r\n", NULL, 200, NULL, "Content-Type: application/json"},
	{"a placement nobody decided about has no tag", MEMBER, "GET", "/v1/placements/{plc}", NULL, NULL, 200, NULL, "!ETag"},
	{"a change of what must not be there", ADMIN, "PATCH", "/v1/tenants/acme", PATCH ANY "If-None-Match: *\r\n", "{\"description\":\"x\"}", 412, "{'code':'etag_mismatch'}", NULL},
	{"an action on what has changed", ADMIN, "POST", "/v1/clusters/par:freeze", "If-Match: \"999\"\r\n", NULL, 412, "{'code':'etag_mismatch'}", NULL},
	{"made only once", ADMIN, "PUT", "/v1/device-classes/x2", "If-None-Match: *\r\n", "{\"vendor\":\"x\",\"memory_mib\":1}", 201, NULL, NULL},
	{"not twice", ADMIN, "PUT", "/v1/device-classes/x2", "If-None-Match: *\r\n", "{\"vendor\":\"x\",\"memory_mib\":1}", 412, NULL, NULL},
	{"a problem's page", NULL, NULL, "GET", "/problems/etag-mismatch", NULL, NULL, 200, NULL, "Content-Type: text/plain"},
	{"for a browser", NULL, NULL, "GET", "/problems/etag-mismatch", "Accept: text/html,*/*;q=0.8\r\n", NULL, 200, NULL, "Content-Type: text/html"},
	{"with a policy", NULL, NULL, "GET", "/problems/etag-mismatch", "Accept: text/html\r\n", NULL, 200, NULL, "Content-Security-Policy: default-src 'none'"},
	{"not by the code", NULL, NULL, "GET", "/problems/etag_mismatch", NULL, NULL, 404, NULL, NULL},
	{"not of what never leaves", NULL, NULL, "GET", "/problems/db-retry", NULL, NULL, 404, NULL, NULL},
	{"what is old says so", ADMIN, "GET", "/v1/roles", NULL, NULL, 200, NULL, "Deprecation: @1700000000"},
	{"and when it goes", ADMIN, "GET", "/v1/roles", NULL, NULL, 200, NULL, "Sunset: Tue, 01 Jan 2030 00:00:00 GMT"},
	{"and what instead", ADMIN, "GET", "/v1/roles", NULL, NULL, 200, NULL, "Link: </docs/api.md#roles>; rel=\"deprecation\""},
	{"to whoever may not as well", NULL, NULL, "GET", "/v1/roles", NULL, NULL, 401, NULL, "Deprecation: @1700000000"},
	{"the rest does not", ADMIN, "GET", "/v1/tenants", NULL, NULL, 200, NULL, "!Deprecation"},
};

/* More of each kind than one page of a list has. */
static const scene more[] = {
	{"a cluster", ADMIN, "POST", "/v1/clusters", NULL, "{\"name\":\"ams\"}", 201, NULL, NULL, NULL},
	{"one more", ADMIN, "POST", "/v1/clusters", NULL, "{\"name\":\"osl\"}", 201, NULL, NULL, NULL},
	{"a trust", ADMIN, "POST", "/v1/trusts", NULL, "{\"name\":\"a-first\",\"issuer\":\"https://issuer.example\",\"audience\":\"x\",\"match\":{\"project_id\":\"2\"},\"grants\":[{\"role\":\"viewer\"}]}", 201, NULL, NULL, NULL},
	{"a policy", ADMIN, "POST", "/v1/policies", NULL, "{\"tenant\":\"acme\"}", 201, NULL, NULL, NULL},
	{"a policy of another", ADMIN, "POST", "/v1/policies", NULL, "{\"tenant\":\"system\"}", 201, NULL, NULL, NULL},
	{"a budget", ADMIN, "POST", "/v1/budgets", NULL, "{\"tenant\":\"acme\",\"unit\":\"gpu_hours\",\"period\":\"week\",\"amount\":9,\"action\":\"block_new\"}", 201, NULL, NULL, NULL},
	{"a binding with an end", ADMIN, "POST", "/v1/bindings", NULL, "{\"subject\":\"group:b\",\"role\":\"member\",\"expires_at\":\"{+3600}\"}", 201, NULL, NULL, NULL},
	{"a binding", ADMIN, "POST", "/v1/bindings", NULL, "{\"subject\":\"group:a\",\"role\":\"viewer\"}", 201, NULL, NULL, NULL},
	{"a raise", MEMBER, "POST", "/v1/quota-requests", NULL, "{\"tenant\":\"acme\",\"model\":\"l4\",\"limit\":{\"device_milli\":2},\"reason\":\"x\",\"until\":\"{+3600}\"}", 201, NULL, NULL, NULL},
	{"a reservation", ADMIN, "POST", "/v1/reservations", NULL, "{\"tenant\":\"acme\",\"ends_at\":\"{+7200}\",\"class\":\"l4\",\"count\":3}", 201, NULL, NULL, NULL},
	{"a plan", ADMIN, "POST", "/v1/plans", NULL, "{\"manager\":\"another\",\"tenants\":{\"acme\":{}}}", 201, NULL, NULL, NULL},
};

/* clang-format on */

/* Every row of every table but what asking alone leaves: when a token was used, and what an edge asked of the worker.
 */
static const char *whole(void)
{
	return pg_text(served_dsn(),
		"SELECT md5(string_agg(query_to_xml('SELECT md5(string_agg((to_jsonb(t) - ''last_used_at'')::text, '','' "
		"ORDER BY to_jsonb(t)::text)) FROM public.' || quote_ident(tablename) || ' t', false, false, '')::text, '' "
		"ORDER BY tablename)) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'ask'");
}

static void fleet_make(void)
{
	pg_do(served_dsn(),
		"INSERT INTO node (id, cluster_key, name, rank, cpu_milli, memory_mib, pods, health, seen_at) SELECT 'nod_1', "
		"key, 'n1', 1, 1, 1, 1, 'ok', now() FROM cluster");
	pg_do(served_dsn(),
		"INSERT INTO device (id, node_key, cluster_key, uuid, index_no, class, product, memory_mib, "
		"compute_milli, slots, health, seen_at) SELECT 'dev_1', key, cluster_key, 'u1', 0, 'l40s', '', "
		"1000, 1000, 10, 'ok', now() FROM node");
	pg_do(served_dsn(),
		"INSERT INTO cluster_namespace (cluster_key, name, tenant_key, created_by, rev) SELECT c.key, n, t.key, 'x', 1 FROM "
		"cluster c, tenant t, unnest('{web,db,ml}'::text[]) n WHERE t.path = 'acme' AND c.name = 'par'");
	pg_do(served_dsn(),
		"INSERT INTO session (id, hash, subject, name, groups, issuer, issuer_subject, issuer_sid, expires_at) SELECT 'ses_' || "
		"lpad(n::text, 26, '0'), '', 'user:u' || n, '', '{}', '', '', '', now() + interval '1 hour' FROM generate_series(0, 2) n");
}

/* Whether a request's path is one of the route's: variables match one segment. */
static bool path_is_of(str path, str of)
{
	while (path.n && of.n) {
		if (of.p[0] == '{') {
			str_split(&of, '}');
			while (path.n && path.p[0] != '/' && (!of.n || path.p[0] != of.p[0]))
				path = str_cut(path, 1, path.n);
		} else if (path.p[0] == of.p[0]) {
			path = str_cut(path, 1, path.n);
			of = str_cut(of, 1, of.n);
		} else
			return false;
	}
	return !path.n && !of.n;
}

static bool is_played(const route *t)
{
	for (size_t i = 0; i < N(dry); i++) {
		str query = str_from(dry[i].path), path = str_split(&query, '?');
		if (strcmp(dry[i].method, t->method) == 0 && str_eq(query, S("dry_run=true")) &&
			path_is_of(path, str_from(t->path)) && dry[i].status < 300)
			return true;
	}
	return false;
}

Test(api_law, every_change_can_be_tried_and_repeated)
{
	for (op o = 0; o < OP_COUNT; o++) {
		const route *t = &routes[o];
		bool reads = strcmp(t->method, "GET") == 0, is_machines = str_starts(str_from(t->path), S("/agent/"));
		reads |= str_ends(str_from(t->path), S(":check")) || str_ends(str_from(t->path), S(":simulate"));
		/* Ways in and out: each token counts once. */
		is_machines |= str_starts(str_from(t->path), S("/v1/auth/"));
		cr_expect_eq(!!(t->flags & ROUTE_WRITE), !reads && !is_machines, "%s: WRITE", t->operation);
		if (t->flags & ROUTE_WRITE)
			cr_expect(is_played(t), "%s: no dry run of it is in the table", t->operation);
	}
}

Test(api_law, a_dry_run_leaves_nothing)
{
	char before[64];

	served_start("api_law_dry");
	scenes_play(setup, N(setup));
	served_person(APPROVER, "user:ada");
	fleet_make();
	snprintf(before, sizeof(before), "%s", whole());
	scenes_play(dry, N(dry));
	cr_expect_str_eq(whole(), before);
}

Test(api_law, a_repeat_has_one_effect)
{
	served_start("api_law_again");
	scenes_play(setup, N(setup));
	int64_t before = pg_int(served_dsn(), "SELECT count(*) FROM audit WHERE outcome = 'done'");
	scenes_play(again, N(again));
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM audit WHERE outcome = 'done'") - before, 10,
		"one record for each effect");
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM inbox WHERE kind = 'release'"), 1);
}

/* As a list orders values: by number or byte by byte, none behind all. */
static int value_cmp(const json_t *a, const json_t *b)
{
	if (!a || !b)
		return !a - !b;
	if (json_is_string(a))
		return strcmp(json_string_value(a), json_string_value(b));
	int64_t x = json_is_true(a) ? 1 : json_integer_value(a), y = json_is_true(b) ? 1 : json_integer_value(b);
	return (x > y) - (x < y);
}

/* A list below a cluster is of the one that there is. */
static str list_path(arena *a, const route *t)
{
	str rest = str_from(t->path), head = str_split(&rest, '{');

	if (!rest.p)
		return head;
	(void)str_split(&rest, '}');
	return str_print(a, STR_FMT "par" STR_FMT, STR_ARG(head), STR_ARG(rest));
}

/* All of a list by its cursors, two at a time: each item but the first stands in order behind the one before it. */
static int sorted_walk(const route *t, const char *sort)
{
	AUTO_ARENA a = arena_new(0);
	const char *field = sort + (*sort == '-'), *cursor = "";
	json_t *last = NULL;
	int n = 0;

	for (int pages = 0; cursor && pages < 100; pages++) {
		str path = str_print(a, STR_FMT "?sort=%s&limit=2%s%s", STR_ARG(list_path(a, t)), sort,
			*cursor ? "&cursor=" : "", cursor);
		answer r = served_call(a, served_token("platform_admin", NULL), "GET", str_z(a, path), NULL, NULL);
		json_t *items = json_object_get(r.doc, "items"), *item;
		size_t i;
		cr_assert_eq(r.status, 200, STR_FMT ": " STR_FMT, STR_ARG(path), STR_ARG(r.body));
		json_array_foreach(items, i, item)
		{
			json_t *now = json_object_get(item, field);
			int cmp = n++ ? value_cmp(last, now) : 0;
			cr_expect(*sort == '-' ? cmp >= 0 : cmp <= 0, STR_FMT ": item %d", STR_ARG(path), n);
			last = now;
		}
		const char *next = json_string_value(json_object_get(r.doc, "next_cursor"));
		cursor = next ? str_z(a, str_from(next)) : NULL;
	}
	return n;
}

static const char *const *sorts_of(const route *t)
{
	for (uint16_t i = 0; t->query && i < t->query->n; i++)
		if (strcmp(t->query->fields[i].name, "sort") == 0)
			return t->query->fields[i].values;
	return NULL;
}

/* A page says how many there are in all, if it is asked to. */
static void total_check(const route *t, int n)
{
	AUTO_ARENA a = arena_new(0);
	const char *path = str_z(a, str_print(a, STR_FMT "?limit=1", STR_ARG(list_path(a, t))));
	answer r = served_call(a, served_token("platform_admin", NULL), "GET", path, "Prefer: count=exact\r\n", NULL);

	cr_expect_eq(json_integer_value(json_object_get(r.doc, "total")), n, "%s: " STR_FMT, path, STR_ARG(r.body));
	cr_expect(str_eq(answer_header(&r, "Preference-Applied"), S("count=exact")), "%s", path);
	r = served_call(a, served_token("platform_admin", NULL), "GET", path, NULL, NULL);
	cr_expect_null(json_object_get(r.doc, "total"), "%s counts unasked", path);
}

Test(api_law, a_list_comes_in_any_order_it_names)
{
	int lists = 0;

	served_start("api_law_sort");
	scenes_play(setup, N(setup));
	fleet_make();
	scenes_play(more, N(more));
	for (op o = 0; o < OP_COUNT; o++) {
		const char *const *sorts = sorts_of(&routes[o]);
		int n = -1;
		for (int i = 0; sorts && sorts[i]; i++) {
			int told = sorted_walk(&routes[o], sorts[i]);
			cr_expect(n < 0 || told == n, "%s by %s tells %d of %d", routes[o].path, sorts[i], told, n);
			n = told;
		}
		if (n >= 0)
			total_check(&routes[o], n);
		lists += n > 1;
	}
	cr_expect_geq(lists, 11, "only %d lists have items to sort", lists);
}

static void problem_read(const char *code)
{
	AUTO_ARENA a = arena_new(0);
	char path[96];
	int n = snprintf(path, sizeof(path), "/problems/%s", code);

	for (int i = (int)sizeof("/problems/") - 1; i < n; i++)
		if (path[i] == '_')
			path[i] = '-';
	answer page = served_call(a, NULL, "GET", path, NULL, NULL);
	cr_expect(page.status == 200 && strstr(str_z(a, page.body), code), "%s", path);
}

/* Every problem's type leads to its page. */
static void problems_read(void)
{
#define E(id, status, code, title)                                                                                     \
	if (status)                                                                                                    \
		problem_read(code);
#include "errors.def"
#undef E
}

Test(api_law, answers_say_what_clients_may_rely_on)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_law_answers");
	scenes_play(setup, N(setup));
	scenes_play(answers, N(answers));
	problems_read();
	answer table = served_call(a, served_token(ADMIN), "GET", "/v1/tenants", "Accept: text/plain\r\n", NULL);
	cr_expect(str_starts(table.body, S("id ")) && strstr(str_z(a, table.body), " acme "), STR_FMT,
		STR_ARG(table.body));
	answer metrics = served_call(a, NULL, "GET", "/metrics", NULL, NULL);
	cr_expect(strstr(str_z(a, metrics.body), "reeve_http_deprecated_total{operation=\"ROLE_LIST\"} 4\n"));
	answer contract = served_call(a, NULL, "GET", "/openapi.json", NULL, NULL);
	json_t *get = json_object_get(json_object_get(json_object_get(contract.doc, "paths"), "/v1/roles"), "get");
	cr_expect(json_is_true(json_object_get(get, "deprecated")));
}

/* Asks until it is refused. */
static answer hammer(arena *a, const char *token)
{
	answer r = {0};

	for (int i = 0; i < 100 && r.status != 429; i++)
		r = served_call(a, token, "GET", "/v1/tenants", NULL, NULL);
	return r;
}

static const char *violated(const answer *r)
{
	return json_string_value(json_array_get(json_object_get(r->doc, "violated-policies"), 0));
}

Test(api_law, a_caller_has_so_much_and_no_more)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_law_rate");
	scenes_play(setup, N(setup));
	setenv("SERVED_RATE", "1", 1);
	served_restart();
	const char *members[] = {
		served_token("member", "acme"), served_token("viewer", "acme"), served_token("quota_manager", "acme")};
	answer first = served_call(a, members[0], "GET", "/v1/whoami", NULL, NULL);
	cr_expect_eq(first.status, 200);
	cr_expect(str_eq(answer_header(&first, "RateLimit-Policy"), S("\"principal\";q=10;w=10")));
	cr_expect(str_starts(answer_header(&first, "RateLimit"), S("\"principal\";r=9;t=1")));
	answer r = hammer(a, members[0]);
	cr_assert_eq(r.status, 429);
	cr_expect_str_eq(violated(&r), "principal");
	cr_expect(answer_header(&r, "Retry-After").n > 0);
	cr_expect_str_eq(json_string_value(json_object_get(r.doc, "code")), "rate_limited");
	hammer(a, members[1]);
	r = hammer(a, members[2]);
	cr_expect_str_eq(violated(&r), "tenant", "three members share what two may have");
	r = served_call(a, served_token("viewer", "idle"), "GET", "/v1/tenants", NULL, NULL);
	cr_expect_eq(r.status, 200, "others have their own");
	r = served_call(a, NULL, "GET", "/livez", NULL, NULL);
	cr_expect(r.status == 200 && !answer_header(&r, "RateLimit").p, "without a token there is none");
	answer metrics = served_call(a, NULL, "GET", "/metrics", NULL, NULL);
	cr_expect(strstr(str_z(a, metrics.body), "reeve_http_rate_limited_total 3\n"));
}
