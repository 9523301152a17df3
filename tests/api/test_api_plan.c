/* Plan and apply over the API: what a manifest would change, bringing it about, and what stands in the way. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "pg/pg.h"
#include "scene.h"

#define ADMIN  "platform_admin", NULL
#define OWNER  "tenant_owner", "acme"
#define CI     "ci_provisioner", "acme/research"
#define VIEWER "viewer", NULL
#define N(t)   (sizeof(t) / sizeof(*(t)))
#define M(...) #__VA_ARGS__
#define PATCH  "Content-Type: application/merge-patch+json\r\nIf-Match: *\r\n"
#define YAML   "Content-Type: application/yaml\r\n"
#define ANY    "If-Match: *\r\n"

#define TREE                                                                                                           \
	M({                                                                                                            \
		"manager" : "quotas",                                                                                  \
		"prune" : true,                                                                                        \
		"tenants" : {                                                                                          \
			"acme" : {                                                                                     \
				"description" : "A \u00e9 customer",                                                   \
				"labels" : {"team" : "ml"},                                                            \
				"quota" : {                                                                            \
					"models" : {                                                                   \
						"h100-80g" : {                                                         \
							"guaranteed" : {"device_milli" : 8000},                        \
							"limit" : {"device_milli" : 16000}                             \
						}                                                                      \
					}                                                                              \
				},                                                                                     \
				"tenants" : {                                                                          \
					"research" : {                                                                 \
						"quota" : {                                                            \
							"weight" : 2000,                                               \
							"models" : {                                                   \
								"h100-80g" : {"guaranteed" : {"device_milli" : 4000}}  \
							}                                                              \
						}                                                                      \
					},                                                                             \
					"vision" : {}                                                                  \
				}                                                                                      \
			}                                                                                              \
		}                                                                                                      \
	})

/* clang-format off */
static const scene lifecycle[] = {
	{"a plan says what would change", ADMIN, "POST", "/v1/plans", "Idempotency-Key: k1\r\n", TREE, 201, "{'state':'planned','result':'changes','manager':'quotas','summary':{'create':5,'update':0,'delete':0,'noop':0,'drift':0,'blocked':0}}", "Plan-Result: changes", "plan=plan_id"},
	{"and changes nothing", ADMIN, "GET", "/v1/tenants/acme", NULL, NULL, 404, NULL, NULL},
	{"a repeat is the same plan", ADMIN, "POST", "/v1/plans", "Idempotency-Key: k1\r\n", TREE, 201, "{'result':'changes'}", "Idempotency-Replayed: true", "again=plan_id"},
	{"and another body is refused", ADMIN, "POST", "/v1/plans", "Idempotency-Key: k1\r\n", M({"manager":"x", "tenants":{}}), 422, "{'code':'idempotency_key_reused'}", NULL},
	{"it can be read", ADMIN, "GET", "/v1/plans/{plan}", NULL, NULL, 200, "{'state':'planned','changes':[{'op':'create','kind':'tenant','address':'acme'},{'op':'create','kind':'quota','address':'acme'},{'op':'create','kind':'tenant','address':'acme/research'},{'op':'create','kind':'quota','address':'acme/research'},{'op':'create','kind':'tenant','address':'acme/vision'}]}", "ETag: \"", "etag=@ETag"},
	{"as text", ADMIN, "GET", "/v1/plans/{plan}", "Accept: text/plain\r\n", NULL, 200, NULL, "Content-Type: text/plain"},
	{"as Markdown", ADMIN, "GET", "/v1/plans/{plan}", "Accept: text/markdown\r\n", NULL, 200, NULL, "Content-Type: text/markdown"},
	{"in a list", ADMIN, "GET", "/v1/plans", NULL, NULL, 200, "{'items':[{'result':'changes','state':'planned'}]}", NULL},
	{"apply names what it is based on", ADMIN, "POST", "/v1/plans/{plan}:apply", NULL, NULL, 428, NULL, NULL},
	{"another revision is refused", ADMIN, "POST", "/v1/plans/{plan}:apply", "If-Match: \"1234567\"\r\n", NULL, 412, "{'code':'etag_mismatch'}", NULL},
	{"one who only looks does not apply", VIEWER, "POST", "/v1/plans/{plan}:apply", ANY, NULL, 409, "{'code':'plan_blocked'}", NULL},
	{"applied at once", ADMIN, "POST", "/v1/plans/{plan}:apply", "If-Match: {etag}\r\nIdempotency-Key: a1\r\n", "{\"reason\":\"T-1\"}", 200, "{'state':'applied'}", "Plan-Result: changes"},
	{"a repeat has no second effect", ADMIN, "POST", "/v1/plans/{plan}:apply", "If-Match: {etag}\r\nIdempotency-Key: a1\r\n", "{\"reason\":\"T-1\"}", 200, "{'state':'applied'}", "Idempotency-Replayed: true"},
	{"and not twice", ADMIN, "POST", "/v1/plans/{plan}:apply", ANY, NULL, 409, "{'code':'state_transition'}", NULL},
	{"the tenants are there", ADMIN, "GET", "/v1/tenants/acme", NULL, NULL, 200, "{'description':'A \u00e9 customer','labels':{'team':'ml'},'depth':1}", NULL},
	{"so are those below", ADMIN, "GET", "/v1/tenants/acme~research/quota", NULL, NULL, 200, "{'weight':2000,'models':{'h100-80g':{'guaranteed':{'device_milli':4000}}}}", NULL},
	{"then there is nothing to do", ADMIN, "POST", "/v1/plans", NULL, TREE, 201, "{'result':'none','changes':[],'summary':{'create':0,'update':0,'delete':0,'noop':5,'drift':0,'blocked':0}}", "Plan-Result: none"},
	{"a plan can be tried without being kept", ADMIN, "POST", "/v1/plans?dry_run=true", NULL, M({"manager":"quotas","tenants":{"acme":{"tenants":{"dry":{}}}}}), 201, "{'result':'changes','summary':{'create':1}}", "Dry-Run: true"},
	{"also as text", ADMIN, "POST", "/v1/plans?dry_run=true", "Accept: text/plain\r\n", M({"manager":"quotas","tenants":{"acme":{"tenants":{"dry":{}}}}}), 201, NULL, "Plan-Result: changes"},
	{"kept this time", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"quotas","tenants":{"acme":{"tenants":{"dry":{}}}}}), 201, NULL, NULL, "dry=plan_id"},
	{"and tried", ADMIN, "POST", "/v1/plans/{dry}:apply?dry_run=true", ANY, NULL, 200, "{'state':'planned'}", "Dry-Run: true"},
	{"which changes nothing", ADMIN, "GET", "/v1/tenants/acme~dry", NULL, NULL, 404, NULL, NULL},
	{"there is no such plan", ADMIN, "POST", "/v1/plans/pln_00000000000000000000000000:apply", ANY, NULL, 404, NULL, NULL},
};

static const scene drift[] = {
	{"by hand", OWNER, "PATCH", "/v1/tenants/acme~research/quota", PATCH, M({"weight":3000, "models":{"l40s":{"limit":{"device_milli":1000}}}}), 200, NULL, NULL},
	{"drift names its author", ADMIN, "POST", "/v1/plans", NULL, TREE, 201, "{'result':'drift','summary':{'drift':1},'changes':[{'op':'drift','kind':'quota','address':'acme/research','fields':{'weight':{'live':3000,'desired':2000,'last_applied':2000,'drift_by':{'name':'test'}},'models.l40s.limit.device_milli':{'live':1000}}}]}", "Plan-Result: drift", "drifted=plan_id"},
	{"and is not passed over", ADMIN, "POST", "/v1/plans/{drifted}:apply", ANY, NULL, 409, "{'code':'plan_drift'}", NULL},
	{"unless that is said", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"quotas","on_drift":"overwrite","tenants":{"acme":{"tenants":{"research":{"quota":{"weight":2000, "models":{"h100-80g":{"guaranteed":{"device_milli":4000}}}}}}}}}), 201, "{'result':'changes','summary':{'update':1,'drift':1}}", NULL, "over=plan_id"},
	{"then it is as the manifest says", ADMIN, "POST", "/v1/plans/{over}:apply", ANY, NULL, 200, NULL, NULL},
	{"again", ADMIN, "GET", "/v1/tenants/acme~research/quota", NULL, NULL, 200, "{'weight':2000}", NULL},
	{"by hand once more", OWNER, "PATCH", "/v1/tenants/acme~research/quota", PATCH, M({"weight":5000}), 200, NULL, NULL},
	{"to be adopted", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"quotas","on_drift":"adopt","tenants":{"acme":{"tenants":{"research":{"quota":{"weight":2000}}}}}}), 201, "{'result':'drift'}", NULL, "adopt=plan_id"},
	{"is adopted", ADMIN, "POST", "/v1/plans/{adopt}:apply", ANY, NULL, 200, NULL, NULL},
	{"and stays", ADMIN, "GET", "/v1/tenants/acme~research/quota", NULL, NULL, 200, "{'weight':5000}", NULL},
	{"and is no drift any more", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"quotas","tenants":{"acme":{"tenants":{"research":{"quota":{"weight":2000}}}}}}), 201, "{'result':'none'}", NULL},
	{"until the manifest says something new", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"quotas","tenants":{"acme":{"tenants":{"research":{"quota":{"weight":2500}}}}}}), 201, "{'result':'changes'}", NULL},
	{"a tenant removed by hand", OWNER, "DELETE", "/v1/tenants/acme~vision", ANY, NULL, 204, NULL, NULL},
	{"is drift", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"quotas","tenants":{"acme":{"tenants":{"vision":{}}}}}), 201, "{'result':'drift','changes':[{'op':'drift','address':'acme/vision','fields':{'exists':{'live':false,'desired':true,'drift_by':{'name':'test'}}}}]}", NULL},
	{"and is made again if that is said", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"quotas","on_drift":"overwrite","tenants":{"acme":{"tenants":{"vision":{}}}}}), 201, "{'result':'changes','summary':{'create':1}}", NULL, "vision=plan_id"},
	{"made again", ADMIN, "POST", "/v1/plans/{vision}:apply", ANY, NULL, 200, NULL, NULL},
	{"nothing is left of it", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"quotas","tenants":{"acme":{"tenants":{"vision":{}}}}}), 201, "{'result':'none'}", NULL},
};

static const scene owners[] = {
	{"another manager", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"other","tenants":{"acme":{"labels":{"team":"cv"}}}}), 201, "{'result':'blocked','summary':{'blocked':1},'changes':[{'op':'update','kind':'tenant','address':'acme','code':'managed_elsewhere'}]}", "Plan-Result: blocked", "other=plan_id"},
	{"does not get through", ADMIN, "POST", "/v1/plans/{other}:apply", ANY, NULL, 409, "{'code':'plan_blocked'}", NULL},
	{"takes over if it says so", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"other","adopt":true,"tenants":{"acme":{"labels":{"team":"cv"}}}}), 201, "{'result':'changes'}", NULL, "taken=plan_id"},
	{"then it is its", ADMIN, "POST", "/v1/plans/{taken}:apply", ANY, NULL, 200, NULL, NULL},
	{"and not the first one's", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"quotas","tenants":{"acme":{"labels":{"team":"ml"}}}}), 201, "{'result':'blocked'}", NULL},
	{"what it did not make it does not prune", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"other","prune":true,"tenants":{}}), 201, "{'result':'none'}", NULL},
	{"the first one prunes what it made", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"quotas","prune":true,"tenants":{"acme":{"tenants":{"research":{}}}}}), 201, "{'result':'changes','changes':[{'op':'delete','kind':'quota','address':'acme'},{'op':'delete','kind':'quota','address':'acme/research'},{'op':'delete','kind':'tenant','address':'acme/vision'}]}", NULL, "prune=plan_id"},
	{"all of it", ADMIN, "POST", "/v1/plans/{prune}:apply", ANY, NULL, 200, "{'summary':{'delete':3}}", NULL},
	{"a tenant is gone", ADMIN, "GET", "/v1/tenants/acme~vision", NULL, NULL, 404, NULL, NULL},
	{"a quota is gone", ADMIN, "GET", "/v1/tenants/acme~research/quota", NULL, NULL, 200, "{'models':{},'weight':1000}", NULL},
};

static const scene rights[] = {
	{"at the top a guarantee is set from above", OWNER, "POST", "/v1/plans", NULL, M({"manager":"mine","tenants":{"acme":{"quota":{"weight":7}}}}), 201, "{'result':'blocked','changes':[{'code':'permission_denied','requires':['quota.write at the fleet','adopt in the manifest, or a change by quotas']}]}", NULL, "up=plan_id"},
	{"what is blocked is not applied", OWNER, "POST", "/v1/plans/{up}:apply", ANY, NULL, 409, "{'code':'plan_blocked'}", NULL},
	{"below it is theirs", OWNER, "POST", "/v1/plans", NULL, M({"manager":"mine","tenants":{"acme":{"tenants":{"robotics":{"description":"r","quota":{"weight":7},"tenants":{"arms":{}}}}}}}), 201, "{'result':'changes','summary':{'create':3}}", NULL, "below=plan_id"},
	{"and is written under their scope", OWNER, "POST", "/v1/plans/{below}:apply", ANY, NULL, 200, "{'state':'applied'}", NULL},
	{"as it should be", OWNER, "GET", "/v1/tenants/acme~robotics~arms", NULL, NULL, 200, "{'parent':'acme/robotics','depth':3}", NULL},
	{"those above are ways for whoever sits below", CI, "POST", "/v1/plans", NULL, M({"manager":"deep","tenants":{"acme":{"tenants":{"research":{"tenants":{"nlp":{"quota":{"weight":9}}}}}}}}), 201, "{'result':'changes','summary':{'create':2}}", NULL, "deep=plan_id"},
	{"a plan of below is applied from above", ADMIN, "POST", "/v1/plans/{deep}:apply", ANY, NULL, 200, "{'state':'applied'}", NULL},
	{"nothing beside one is touched", CI, "POST", "/v1/plans", NULL, M({"manager":"deep","tenants":{"acme":{"description":"x"},"umbra":{}}}), 201, "{'result':'blocked','summary':{'blocked':2}}", NULL},
	{"an export of what one sees begins at the top", CI, "GET", "/v1/export", NULL, NULL, 200, "{'tenants':{'acme':{'tenants':{'research':{'tenants':{'nlp':{'quota':{'weight':9}}}}}}}}", NULL},
	{"plans of above are not seen", CI, "GET", "/v1/plans/{below}", NULL, NULL, 404, NULL, NULL},
	{"nor applied", CI, "POST", "/v1/plans/{below}:apply", ANY, NULL, 404, NULL, NULL},
};

static const scene refusals[] = {
	{"not without a manager", ADMIN, "POST", "/v1/plans", NULL, M({"tenants":{}}), 422, "{'code':'missing_field'}", NULL},
	{"fields are known ones", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"m","tenants":{"a":{"tenants":{"b":{"colour":1}}}}}), 422, "{'code':'unknown_field','errors':[{'pointer':'#/tenants/a/tenants/b/colour'}]}", NULL},
	{"models are known ones", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"m","tenants":{"a":{"quota":{"models":{"z1":{}}}}}}), 422, "{'code':'unknown_class','errors':[{'pointer':'#/tenants/a/quota/models/z1'}]}", NULL},
	{"system is the server's", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"m","tenants":{"system":{}}}), 422, "{'code':'bad_field','errors':[{'pointer':'#/tenants/system'}]}", NULL},
	{"eight deep is enough", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"m","tenants":{"a":{"tenants":{"b":{"tenants":{"c":{"tenants":{"d":{"tenants":{"e":{"tenants":{"f":{"tenants":{"g":{"tenants":{"h":{"tenants":{"i":{}}}}}}}}}}}}}}}}}}}), 422, "{'code':'tree_too_deep'}", NULL},
	{"the law of the tree holds", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"m","tenants":{"law":{"quota":{"models":{"l40s":{"guaranteed":{"device_milli":1000}}}},"tenants":{"x":{"quota":{"models":{"l40s":{"guaranteed":{"device_milli":600}}}}},"y":{"quota":{"models":{"l40s":{"guaranteed":{"device_milli":600}}}}}}}}}), 201, "{'result':'blocked'}", NULL},
	{"bytes that are no text", ADMIN, "POST", "/v1/plans", NULL, "{\"manager\":\"\xff\",\"tenants\":{}}", 400, "{'code':'bad_utf8'}", NULL},
	{"YAML says the same", ADMIN, "POST", "/v1/plans", YAML, "manager: m\ntenants:\n  acme:\n    tenants:\n      research: {}\n", 201, "{'result':'none'}", NULL},
	{"a key stands once", ADMIN, "POST", "/v1/plans", YAML, "manager: m\ntenants:\n  a: {}\n  a: {}\n", 400, "{'code':'duplicate_key'}", NULL},
	{"no anchors", ADMIN, "POST", "/v1/plans", YAML, "manager: &m m\ntenants: {}\n", 400, "{'code':'malformed_yaml'}", NULL},
	{"a word that means two things", ADMIN, "POST", "/v1/plans", YAML, "manager: m\nprune: yes\ntenants: {}\n", 400, "{'code':'malformed_yaml','errors':[{'pointer':'#/prune'}]}", NULL},
	{"another type is not taken", ADMIN, "POST", "/v1/plans", "Content-Type: text/plain\r\n", "manager: m", 415, NULL, NULL},
	{"of no tenant there is no export", ADMIN, "GET", "/v1/export?tenant=nobody", NULL, NULL, 404, NULL, NULL},
	{"the schema", NULL, NULL, "GET", "/schemas/manifest.v1.json", NULL, NULL, 200, "{'$id':'/schemas/manifest.v1.json','$ref':'#/$defs/manifest_input'}", "Content-Type: application/schema+json"},
};

static const scene stale[] = {
	{"planned", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"m","tenants":{"acme":{"tenants":{"late":{}}}}}), 201, "{'result':'changes'}", NULL, "stale=plan_id"},
	{"something else changes meanwhile", ADMIN, "PATCH", "/v1/tenants/acme~research", PATCH, M({"description":"new"}), 200, NULL, NULL},
	{"then it does not stand any more", ADMIN, "POST", "/v1/plans/{stale}:apply", ANY, NULL, 422, "{'code':'plan_stale'}", NULL},
	{"and nothing was done", ADMIN, "GET", "/v1/tenants/acme~late", NULL, NULL, 404, NULL, NULL},
};

#define PEOPLE                                                                                                         \
	M({"manager":"people", "prune":true, "tenants":{"acme":{"tenants":{"research":{"bindings":{"group:ops":{"roles":["member", "viewer", "viewer"]}, "user:eve":{"roles":["tenant_owner"]}}, "budgets":{"month":{"amount":1000, "action":"block_new", "thresholds":[80, 50]}, "day":{"amount":50, "action":"notify", "description":"A day"}}}}}}})
#define AT_RESEARCH(...) M({"manager":"mine", "tenants":{"acme":{"tenants":{"research":__VA_ARGS__}}}})

static const scene items[] = {
	{"who holds what and what may be spent", ADMIN, "POST", "/v1/plans", NULL, PEOPLE, 201, "{'result':'changes','summary':{'create':5,'update':0,'blocked':0},'changes':[{'op':'create','kind':'binding','address':'acme/research','item':'group:ops member'},{'kind':'binding','item':'group:ops viewer'},{'kind':'binding','item':'user:eve tenant_owner'},{'op':'create','kind':'budget','address':'acme/research','item':'month'},{'kind':'budget','item':'day'}]}", NULL, "people=plan_id"},
	{"is made", ADMIN, "POST", "/v1/plans/{people}:apply", ANY, NULL, 200, "{'state':'applied'}", NULL},
	{"bound for good", ADMIN, "GET", "/v1/bindings?tenant=acme~research&subject=user:eve", NULL, NULL, 200, "{'items':[{'subject':'user:eve','role':'tenant_owner','tenant':'acme/research','managed_by':'people'}]}", NULL},
	{"budgets stand", ADMIN, "GET", "/v1/budgets?tenant=acme~research", NULL, NULL, 200, "{'items':[{'unit':'gpu_hours','period':'month','amount':1000,'action':'block_new','thresholds':[50,80]},{'period':'day','amount':50,'description':'A day'}]}", NULL},
	{"then there is nothing to do", ADMIN, "POST", "/v1/plans", NULL, PEOPLE, 201, "{'result':'none'}", NULL},
	{"an export tells of them", ADMIN, "GET", "/v1/export?tenant=acme", NULL, NULL, 200, "{'tenants':{'acme':{'tenants':{'research':{'bindings':{'group:ops':{'roles':['member','viewer']},'user:eve':{'roles':['tenant_owner']}},'budgets':{'month':{'amount':1000,'thresholds':[50,80],'action':'block_new'},'day':{'amount':50}}}}}}}", NULL},
	{"but nobody who may not see bindings", "quota_manager", "acme", "GET", "/v1/export?tenant=acme", NULL, NULL, 200, "{'tenants':{'acme':{'tenants':{'research':{'budgets':{'month':{'amount':1000}}}}}}}", NULL},
};

static const scene item_drift[] = {
	{"changed by hand they are drift, with their author", ADMIN, "POST", "/v1/plans", NULL, PEOPLE, 201, "{'result':'drift','summary':{'drift':2},'changes':[{'op':'drift','kind':'binding','item':'user:eve tenant_owner','fields':{'exists':{'live':false,'desired':true,'drift_by':{'name':'test'}}}},{'op':'drift','kind':'budget','item':'month','fields':{'amount':{'live':2000,'desired':1000,'last_applied':1000,'drift_by':{'name':'test'}}}}]}", NULL},
	{"what the manager lists no longer", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"people", "prune":true, "on_drift":"overwrite", "tenants":{"acme":{"tenants":{"research":{"bindings":{"user:eve":{"roles":["viewer"]}}, "budgets":{"day":{"amount":60, "action":"notify"}}}}}}}), 201, "{'result':'changes','summary':{'create':1,'update':1,'delete':3}}", NULL, "less=plan_id"},
	{"goes", ADMIN, "POST", "/v1/plans/{less}:apply", ANY, NULL, 200, NULL, NULL},
	{"from the bindings", ADMIN, "GET", "/v1/bindings?tenant=acme~research", NULL, NULL, 200, "{'items':[{'subject':'user:eve','role':'viewer'}]}", NULL},
	{"and the budgets", ADMIN, "GET", "/v1/budgets?tenant=acme~research", NULL, NULL, 200, "{'items':[{'period':'day','amount':60,'description':'A day'}]}", NULL},
	{"nobody binds without the right to", CI, "POST", "/v1/plans", NULL, AT_RESEARCH({"bindings":{"user:x":{"roles":["viewer"]}}}), 201, "{'result':'blocked','changes':[{'code':'permission_denied','requires':['binding.write at acme/research','binding.read at acme/research']}]}", NULL},
	{"nor takes away", "tenant_owner", "acme/research", "POST", "/v1/plans", NULL, AT_RESEARCH({"budgets":{"day":{"amount":1, "action":"notify"}}}), 201, "{'result':'blocked','changes':[{'code':'permission_denied'}]}", NULL},
	{"a subject is one", ADMIN, "POST", "/v1/plans", NULL, AT_RESEARCH({"bindings":{"eve":{"roles":["viewer"]}}}), 422, "{'code':'bad_field','errors':[{'pointer':'#/tenants/acme/tenants/research/bindings/eve'}]}", NULL},
	{"a role of the fleet is given there", ADMIN, "POST", "/v1/plans", NULL, AT_RESEARCH({"bindings":{"user:x":{"roles":["platform_admin"]}}}), 422, "{'code':'bad_field'}", NULL},
	{"a period is known", ADMIN, "POST", "/v1/plans", NULL, AT_RESEARCH({"budgets":{"year":{"amount":1, "action":"notify"}}}), 422, "{'code':'bad_field','errors':[{'pointer':'#/tenants/acme/tenants/research/budgets/year'}]}", NULL},
};
#define LAB "ci_provisioner", "acme/lab"
#define AT_LAB(...) M({"manager":"lab","tenants":{"acme":{"tenants":{"lab":__VA_ARGS__}}}})

/* What only those above may set is asked of them. */
static const scene asking[] = {
	{"a laboratory", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"lab\",\"parent\":\"acme\"}", 201, NULL, NULL},
	{"with limits", ADMIN, "PATCH", "/v1/tenants/acme~lab/quota", PATCH, M({"models":{"l40s":{"limit":{"device_milli":2000,"memory_mib":1000}}}}), 200, NULL, NULL},
	{"wants more, and another text", LAB, "POST", "/v1/plans", NULL, AT_LAB({"description":"grows","quota":{"models":{"l40s":{"limit":{"device_milli":5000,"memory_mib":1500}}}}}), 201, "{'result':'changes','summary':{'update':1,'request':1,'blocked':0},'changes':[{'op':'update','kind':'tenant'},{'op':'request','kind':'quota','address':'acme/lab','requires':['quota.approve at acme'],'code':null}]}", "Plan-Result: changes", "plan=plan_id"},
	{"tried, it would be asked for", LAB, "POST", "/v1/plans/{plan}:apply?dry_run=true", ANY, NULL, 202, "{'state':'planned'}", NULL},
	{"and nobody is asked yet", LAB, "GET", "/v1/quota-requests?tenant=acme~lab", NULL, NULL, 200, "{'items':[]}", NULL},
	{"it is asked for", LAB, "POST", "/v1/plans/{plan}:apply", ANY, M({"reason":"a larger model"}), 202, "{'state':'applied'}", NULL},
	{"the text is changed", LAB, "GET", "/v1/tenants/acme~lab", NULL, NULL, 200, "{'description':'grows'}", NULL},
	{"the quota is not", LAB, "GET", "/v1/tenants/acme~lab/quota", NULL, NULL, 200, "{'models':{'l40s':{'limit':{'device_milli':2000,'memory_mib':1000}}}}", NULL},
	{"what is missing stands there", OWNER, "GET", "/v1/quota-requests?tenant=acme~lab", NULL, NULL, 200, "{'items':[{'tenant':'acme/lab','model':'l40s','limit':{'device_milli':3000,'memory_mib':500},'state':'pending','reason':'a larger model'}]}", NULL},
	{"once", LAB, "POST", "/v1/plans", NULL, AT_LAB({"description":"grows","quota":{"models":{"l40s":{"limit":{"device_milli":5000,"memory_mib":1500}}}}}), 201, "{'result':'none','changes':[]}", NULL},
	{"what does not only rise is blocked", LAB, "POST", "/v1/plans", NULL, AT_LAB({"quota":{"models":{"l40s":{"limit":{"device_milli":6000,"memory_mib":500}}}}}), 201, "{'result':'blocked','changes':[{'code':'permission_denied','requires':['quota.write at acme']}]}", NULL},
	{"a guarantee too", LAB, "POST", "/v1/plans", NULL, AT_LAB({"quota":{"models":{"l40s":{"guaranteed":{"device_milli":1},"limit":{"device_milli":6000,"memory_mib":1000}}}}}), 201, "{'result':'blocked'}", NULL},
	{"and where there was no limit", LAB, "POST", "/v1/plans", NULL, AT_LAB({"quota":{"models":{"l40s":{"limit":{"device_milli":2000,"memory_mib":1000,"compute_milli":7}}}}}), 201, "{'result':'blocked'}", NULL},
	{"who may not ask is told what it takes", "viewer", "acme/lab", "POST", "/v1/plans", NULL, AT_LAB({"quota":{"models":{"l40s":{"limit":{"device_milli":7000,"memory_mib":1000}}}}}), 201, "{'result':'blocked','changes':[{'requires':['quota.write at acme']}]}", NULL},
	{"who may set it asks nobody", OWNER, "POST", "/v1/plans", NULL, AT_LAB({"quota":{"models":{"l40s":{"limit":{"device_milli":7000,"memory_mib":1000}}}}}), 201, "{'result':'changes','summary':{'update':1,'request':0}}", NULL},
};
static const scene approved[] = {
	{"then all is as the manifest says", LAB, "POST", "/v1/plans", NULL, AT_LAB({"description":"grows","quota":{"models":{"l40s":{"limit":{"device_milli":5000,"memory_mib":1500}}}}}), 201, "{'result':'none'}", NULL},
	{"what it exports is so too", LAB, "POST", "/v1/plans", NULL, AT_LAB({"quota":{"models":{"l40s":{"limit":{"device_milli":2000,"memory_mib":1000}}}}}), 201, "{'result':'none'}", NULL},
	{"more is asked for from there", LAB, "POST", "/v1/plans", NULL, AT_LAB({"quota":{"models":{"l40s":{"limit":{"device_milli":9000,"memory_mib":1500}}}}}), 201, "{'summary':{'request':1}}", NULL, "more=plan_id"},
	{"and only that", LAB, "POST", "/v1/plans/{more}:apply", ANY, NULL, 202, NULL, NULL},
	{"which is not all over again", OWNER, "GET", "/v1/quota-requests?tenant=acme~lab&state=pending", NULL, NULL, 200, "{'items':[{'limit':{'device_milli':4000,'memory_mib':null}}]}", NULL},
	{"nor twice", LAB, "POST", "/v1/plans", NULL, AT_LAB({"quota":{"models":{"l40s":{"limit":{"device_milli":9000,"memory_mib":1500}}}}}), 201, "{'result':'none'}", NULL},
};

/* clang-format on */

/* clang-format off */
static const scene taken[] = {
	{"bound by a manifest", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"bots", "prune":true, "tenants":{"acme":{"tenants":{"research":{"bindings":{"service:bot":{"roles":["member"]}}}}}}}), 201, NULL, NULL, "bot_plan=plan_id"},
	{"it is", ADMIN, "POST", "/v1/plans/{bot_plan}:apply", ANY, NULL, 200, NULL, NULL},
	{"it works", ADMIN, "POST", "/v1/tokens", NULL, M({"name":"bot", "role":"member", "tenant":"acme/research", "subject":"service:bot"}), 201, NULL, NULL, "bot=token"},
	{"for a while", NULL, NULL, "GET", "/v1/tenants/acme~research", "Authorization: Bearer {bot}\r\n", NULL, 200, NULL, NULL},
	{"listed no longer", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"bots", "prune":true, "tenants":{}}), 201, "{'summary':{'delete':1}}", NULL, "bot_plan=plan_id"},
	{"it is taken away", ADMIN, "POST", "/v1/plans/{bot_plan}:apply", ANY, NULL, 200, NULL, NULL},
	{"and that counts with the answer", NULL, NULL, "GET", "/v1/tenants/acme~research", "Authorization: Bearer {bot}\r\n", NULL, 403, "{'code':'permission_denied'}", NULL},
};
#define MOVED M({"manager":"quotas","tenants":{"acme":{"tenants":{"vision":{"quota":{"models":{"h100-80g":{"guaranteed":{"device_milli":4000}}}},"tenants":{"research":{"from":"acme/research"}}}}}}})
static const scene moves[] = {
	{"another tree", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"umbra\"}", 201, NULL, NULL},
	{"something below what will move", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"nlp\",\"parent\":\"acme/research\"}", 201, NULL, NULL},
	{"its guarantee must fit where it comes to", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"quotas","tenants":{"acme":{"tenants":{"vision":{"tenants":{"research":{"from":"acme/research"}}}}}}}), 201, "{'result':'blocked','changes':[{'op':'move','kind':'tenant','address':'acme/vision/research','code':'quota_exceeds_parent'}]}", NULL, "tight=plan_id"},
	{"and is not applied else", ADMIN, "POST", "/v1/plans/{tight}:apply", ANY, NULL, 409, "{'code':'plan_blocked'}", NULL},
	{"planned", ADMIN, "POST", "/v1/plans", NULL, MOVED, 201, "{'result':'changes','summary':{'create':0,'update':2,'delete':0,'blocked':0},'changes':[{'op':'update','kind':'quota','address':'acme/vision'},{'op':'move','kind':'tenant','address':'acme/vision/research','fields':{'path':{'live':'acme/research','desired':'acme/vision/research'}}}]}", NULL, "move=plan_id"},
	{"nothing has moved yet", ADMIN, "GET", "/v1/tenants/acme~research", NULL, NULL, 200, NULL, NULL},
	{"moved", ADMIN, "POST", "/v1/plans/{move}:apply", ANY, NULL, 200, "{'state':'applied'}", NULL},
	{"it hangs there", ADMIN, "GET", "/v1/tenants/acme~vision~research", NULL, NULL, 200, "{'parent':'acme/vision','depth':3}", NULL},
	{"with what is below it", ADMIN, "GET", "/v1/tenants/acme~vision~research~nlp", NULL, NULL, 200, "{'parent':'acme/vision/research','depth':4}", NULL},
	{"and its quota", ADMIN, "GET", "/v1/tenants/acme~vision~research/quota", NULL, NULL, 200, "{'weight':2000,'models':{'h100-80g':{'guaranteed':{'device_milli':4000}}}}", NULL},
	{"not where it was", ADMIN, "GET", "/v1/tenants/acme~research", NULL, NULL, 404, NULL, NULL},
	{"then there is nothing to do", ADMIN, "POST", "/v1/plans", NULL, MOVED, 201, "{'result':'none','changes':[]}", NULL},
	{"below a tenant that is made with it", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"quotas","tenants":{"acme":{"tenants":{"lab":{"quota":{"models":{"h100-80g":{"guaranteed":{"device_milli":4000}}}},"tenants":{"vision":{"from":"acme/vision","description":"seen"}}}}}}}), 201, "{'result':'changes','summary':{'create':2,'update':1}}", NULL, "lab=plan_id"},
	{"is made and moved", ADMIN, "POST", "/v1/plans/{lab}:apply", ANY, NULL, 200, NULL, NULL},
	{"all of it", ADMIN, "GET", "/v1/tenants/acme~lab~vision~research~nlp", NULL, NULL, 200, "{'depth':5}", NULL},
	{"as it shall be", ADMIN, "GET", "/v1/tenants/acme~lab~vision", NULL, NULL, 200, "{'description':'seen','parent':'acme/lab'}", NULL},
	{"a tenant keeps its name", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"quotas","tenants":{"eyes":{"from":"acme/lab/vision"}}}), 422, "{'code':'bad_field','errors':[{'pointer':'#/tenants/eyes/from'}]}", NULL},
	{"and hangs not below itself", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"quotas","tenants":{"acme":{"tenants":{"acme":{"from":"acme"}}}}}), 422, "{'code':'bad_field','errors':[{'pointer':'#/tenants/acme/tenants/acme/from'}]}", NULL},
	{"one of that path, by hand", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"vision\",\"parent\":\"acme\"}", 201, NULL, NULL},
	{"two are not one", ADMIN, "POST", "/v1/plans", NULL, M({"manager":"quotas","tenants":{"acme":{"tenants":{"lab":{"tenants":{"vision":{"from":"acme/vision"}}}}}}}), 201, "{'result':'blocked','changes':[{'address':'acme/lab/vision','code':'conflict'}]}", NULL},
	{"nobody moves into what is not theirs", OWNER, "POST", "/v1/plans", NULL, M({"manager":"mine","tenants":{"umbra":{"tenants":{"vision":{"from":"acme/vision"}}}}}), 201, "{'result':'blocked'}", NULL, "out=plan_id"},
	{"nor by applying it", OWNER, "POST", "/v1/plans/{out}:apply", ANY, NULL, 409, "{'code':'plan_blocked'}", NULL},
};
/* clang-format on */

static bool has_text(const answer *r, const char *text)
{
	return memmem(r->body.p, r->body.n, text, strlen(text)) != NULL;
}

Test(api_plan, is_made_applied_and_then_empty)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_plan_life");
	scenes_play(lifecycle, N(lifecycle));
	int64_t effects =
		pg_int(served_dsn(), "SELECT count(*) FROM audit WHERE action IN ('tenant.create', 'quota.update')");
	cr_expect_eq(effects, 5, "one record per effect, not %lld", (long long)effects);
	cr_expect_eq(
		pg_int(served_dsn(), "SELECT count(*) FROM audit WHERE action = 'plan.apply' AND outcome = 'done'"), 1);
	cr_expect_eq(pg_int(served_dsn(),
			     "SELECT count(*) FROM tenant t JOIN audit a ON a.n = t.rev AND a.object_id = t.id WHERE "
			     "t.depth > 0 AND t.path <> 'system'"),
		3, "a tenant's revision is the number of its record");
	cr_expect_eq(pg_int(served_dsn(), "SELECT max(n) - count(*) FROM audit"), 0, "no number is left out");
	answer v = served_call(a, served_token("platform_admin", NULL), "GET", "/v1/audit:verify", NULL, NULL);
	cr_expect(json_is_true(json_object_get(v.doc, "is_intact")));
}

Test(api_plan, drift_is_shown_with_its_author_and_kept_or_overwritten)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_plan_drift");
	scenes_play(lifecycle, N(lifecycle));
	scenes_play(drift, 2);
	answer r = served_call(
		a, served_token("platform_admin", NULL), "POST", "/v1/plans", "Accept: text/plain\r\n", TREE);
	cr_expect(has_text(&r, "! quota acme/research\n"), STR_FMT, STR_ARG(r.body));
	cr_expect(has_text(&r, "weight: 2000 -> 3000 by test (tok_"), STR_FMT, STR_ARG(r.body));
	scenes_play(drift + 1, N(drift) - 1);
}

Test(api_plan, a_tenant_is_moved_with_all_below_it)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_plan_moves");
	scenes_play(lifecycle, N(lifecycle));
	scenes_play(moves, N(moves));
	answer e = served_call(a, served_token("platform_admin", NULL), "GET", "/v1/export?manager=quotas", NULL, NULL);
	answer again =
		served_call(a, served_token("platform_admin", NULL), "POST", "/v1/plans", NULL, str_z(a, e.body));
	cr_expect_str_eq(json_string_value(json_object_get(again.doc, "result")), "none", STR_FMT, STR_ARG(again.body));
	cr_expect_eq(
		pg_int(served_dsn(),
			"SELECT count(*) FROM tenant t WHERE depth > 0 AND path <> 'system' AND path <> coalesce((SELECT nullif(p.path, '') || '/' FROM tenant p "
			"WHERE p.key = t.parent_key), '') || t.name"),
		0, "paths follow the tree");
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM tenant_move"), 2, "the placer is to follow");
	answer v = served_call(a, served_token("platform_admin", NULL), "GET", "/v1/audit:verify", NULL, NULL);
	cr_expect(json_is_true(json_object_get(v.doc, "is_intact")));
}

Test(api_plan, an_object_has_one_manager)
{
	served_start("api_plan_owner");
	scenes_play(lifecycle, N(lifecycle));
	scenes_play(owners, N(owners));
}

Test(api_plan, nobody_plans_past_their_rights)
{
	served_start("api_plan_rights");
	scenes_play(lifecycle, N(lifecycle));
	scenes_play(rights, N(rights));
	cr_expect_eq(
		pg_int(served_dsn(),
			"SELECT count(*) FROM audit a JOIN token k ON k.id = a.actor WHERE a.action = 'plan.apply' AND a.outcome = "
			"'refused:plan_blocked' AND k.role = 'tenant_owner' AND a.tenant_key = k.tenant_key"),
		1, "who tried it all the same is on record, where they sit");
}

/* An apply stood in the worker's line while the token it came with was revoked: it was carried out all the same. */
Test(api_plan, an_apply_that_waited_is_judged_by_what_its_caller_holds_when_its_turn_comes)
{
	AUTO_ARENA a = arena_new(0);
	static const scene made[] = {
		{"a tenant", ADMIN, "POST", "/v1/tenants", NULL, M({"name" : "acme"}), 201, NULL, NULL, NULL},
		{"its owner's plan", OWNER, "POST", "/v1/plans", NULL,
			M({"manager" : "late", "tenants" : {"acme" : {"tenants" : {"late" : {}}}}}), 201,
			"{'result':'changes'}", NULL, NULL},
	};

	served_start("api_plan_late");
	scenes_play(made, N(made));
	pg_do(served_dsn(), "UPDATE token SET revoked_at = now() WHERE role = 'tenant_owner'");
	pg_do(served_dsn(),
		"INSERT INTO ask (id, kind, tenant_key, is_platform, tenant, grants, actor, request_id, object_id) "
		"SELECT 'ask_late', 'apply', t.key, false, t.path, t.key || ' 18446744073709551615 9223372036854775807 acme' || E'\n', "
		"k.id, 'req_late', p.id FROM tenant t, token k, plan p WHERE t.path = 'acme' AND k.role = 'tenant_owner'");
	for (int i = 0; i < 500 &&
			!pg_int(served_dsn(), "SELECT count(*) FROM ask WHERE id = 'ask_late' AND done_at IS NOT NULL");
		i++)
		usleep(20000);
	cr_expect_str_eq(
		pg_text(served_dsn(), "SELECT coalesce(code, '') FROM ask WHERE id = 'ask_late'"), "token_invalid");
	cr_expect_eq(
		served_call(a, served_token("platform_admin", NULL), "GET", "/v1/tenants/acme~late", NULL, NULL).status,
		404);
}

Test(api_plan, bindings_and_budgets_are_kept_by_manifests)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_plan_items");
	scenes_play(lifecycle, N(lifecycle));
	scenes_play(items, N(items));
	answer gone = served_call(a, served_token("platform_admin", NULL), "DELETE",
		pg_text(served_dsn(), "SELECT '/v1/bindings/' || id FROM binding WHERE subject = 'user:eve'"), ANY,
		NULL);
	cr_expect_eq(gone.status, 204);
	answer more = served_call(a, served_token("platform_admin", NULL), "PATCH",
		pg_text(served_dsn(), "SELECT '/v1/budgets/' || id FROM budget WHERE period = 'month'"), PATCH,
		"{\"amount\":2000}");
	cr_expect_eq(more.status, 200);
	scenes_play(item_drift, N(item_drift));
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM audit WHERE action = 'binding.create'"), 4);
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM audit WHERE action = 'budget.delete'"), 1);
	cr_expect_eq(pg_int(served_dsn(),
			     "SELECT count(*) FROM binding b JOIN audit a ON a.n = b.rev AND a.object_id = b.id"),
		1, "its revision is the number of its record");
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM managed WHERE kind = 'binding'"), 1);
	answer v = served_call(a, served_token("platform_admin", NULL), "GET", "/v1/audit:verify", NULL, NULL);
	cr_expect(json_is_true(json_object_get(v.doc, "is_intact")));
}

Test(api_plan, who_lost_a_role_has_lost_it_when_the_apply_answers)
{
	served_start("api_plan_taken");
	scenes_play(lifecycle, N(lifecycle));
	for (int i = 0; i < 5; i++)
		scenes_play(taken, N(taken));
}

Test(api_plan, what_cannot_be_meant_is_refused)
{
	served_start("api_plan_refuse");
	scenes_play(lifecycle, N(lifecycle));
	scenes_play(refusals, N(refusals));
	scenes_play(stale, N(stale));
}

Test(api_plan, what_those_above_approve_is_asked_of_them)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_plan_asking");
	scenes_play(lifecycle, N(lifecycle));
	served_person("quota_approver", "acme", "user:ada");
	scenes_play(asking, N(asking));
	const char *asked = pg_text(served_dsn(), "SELECT id FROM quota_raise");
	answer r = served_call(a, served_token("quota_approver", "acme"), "POST",
		str_z(a, str_print(a, "/v1/quota-requests/%s:approve", asked)), NULL, NULL);
	cr_assert_eq(r.status, 200, STR_FMT, STR_ARG(r.body));
	r = served_call(a, served_token("platform_admin", NULL), "GET",
		str_z(a, str_print(a, "/v1/plans/%s",
				 pg_text(served_dsn(), "SELECT id FROM plan WHERE requests <> '[]'"))),
		NULL, NULL);
	const char *url = json_string_value(json_array_get(json_object_get(r.doc, "requests"), 0));
	cr_expect(url && strstr(url, "/v1/quota-requests/rse_"), STR_FMT, STR_ARG(r.body));
	scenes_play(approved, N(approved));
	cr_expect_eq(
		pg_int(served_dsn(),
			"SELECT count(*) FROM quota_raise r JOIN audit a ON a.n = r.rev AND a.object_id = r.id WHERE "
			"a.action = 'quota_request.create' AND a.outcome = 'done' AND a.tenant_key = r.tenant_key"),
		1, "the second's revision is the number of its record; the first has moved on");
	cr_expect_eq(
		pg_int(served_dsn(),
			"SELECT count(*) FROM plan p JOIN quota_raise r ON p.requests::json->>0 = '/v1/quota-requests/' || r.id"),
		2, "each plan tells where its request stands");
	r = served_call(a, served_token("platform_admin", NULL), "GET", "/v1/audit:verify", NULL, NULL);
	cr_expect(json_is_true(json_object_get(r.doc, "is_intact")));
}
