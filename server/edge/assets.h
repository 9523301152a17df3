/* assets: the files of the console, held in memory: what is not in the list made at start does not exist, so no path
 * can lead out of the folder. Served under /ui/; / leads there. */
#pragma once
#include "server/edge/request.h"

enum { ASSETS_MAX = 512, ASSET_BYTES_MAX = 4 << 20, ASSETS_BYTES_MAX = 32 << 20, ASSETS_DEPTH_MAX = 8 };

typedef struct assets assets;

/* dir "": none. SETTING when the folder cannot be read or passes a limit. */
err assets_open(const char *dir, assets **ret, fault *f) MUST_CHECK;
void assets_close(assets *s); /* NULL-safe */

/* Answers r and returns true when its path is one of ours. */
bool assets_serve(const assets *s, request *r);
