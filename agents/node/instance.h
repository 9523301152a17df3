/* instance: one instance of a cut device (MIG), made and removed through NVML, in a process of its own.
 *
 * `reeve-node instance LOCK NVML make UUID PROFILE START -1` and `... remove ... GI` are what the daemon runs
 * (instances.h): NVML may block or end its process. LOCK is a file that is locked meanwhile: the process may outlive a
 * daemon that was killed, and the next daemon's waits for it. The answer is one line on standard output:
 *
 *     ok GI CI MIG-...      made
 *     ok                    removed, or there was none
 *     error TEXT
 *
 * Before it makes an instance it notes beside LOCK that the place was empty, and then what it made there; so what is
 * removed is the instance GI, or where that is not known (-1: nobody heard the answer) what the note tells, and never
 * one that somebody else made. A note of an earlier boot of the machine counts for nothing.
 *
 * An instance is known by its device, profile and first slot: at one place there is never more than one. PROFILE is the
 * profile's name without the maker's prefix: "1g.10gb", "3g.40gb", "1g.10gb+me".
 */
#pragma once
#include "base/err.h"

enum { INSTANCE_LINE_MAX = 512 };

/* argv[0] is "instance"; a word more, whose it is, is of no use here. The exit status is 0 whenever a line was printed.
 */
int instance_main(int argc, char **argv);
