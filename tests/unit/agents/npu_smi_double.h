/* npu_smi_double: a tool whose chip 0 of NPU 3, at 0000:C1:00.0, holds what a file names, an id and a template a line.
 *
 * Beside the tool: `second` is another chip, chip 0 of NPU 4 at 0000:C2:00.0, with nothing on it, and `ill` keeps it
 * from answering before it is gone; `dies` ends who runs it when it has made one, `refuses` makes nothing, `hangs`
 * answers nothing before it is gone; the nodes of what is there appear in `dev`, if there is such a folder.
 */
#pragma once

static const char npu_smi_double[] =
	"#!/bin/sh\n"
	"at=$(dirname \"$0\")\n"
	"while [ -e \"$at/hangs\" ]; do sleep 0.05; done\n"
	"case \"$1 $2 $3\" in\n"
	"'info -m '*) printf 'NPU ID Chip ID Chip Logic ID Chip Phy-ID Chip Name\\n'\n"
	"	[ ! -e \"$at/second\" ] || printf '4 0 3 3 Ascend310P3\\n'\n"
	"	printf '3 0 2 2 Ascend310P3\\n3 1 - - Mcu\\n' ;;\n"
	"'info -t board') case $5 in\n"
	"	4) while [ -e \"$at/ill\" ]; do sleep 0.05; done; echo 'PCIe Bus Info : 0000:C2:00.0' ;;\n"
	"	*) echo 'PCIe Bus Info : 0000:C1:00.0' ;;\n"
	"	esac ;;\n"
	"'info -t info-vnpu') echo '| Total number of vnpu: ? |'\n"
	"	[ \"$5\" != 4 ] || exit 0\n"
	"	while read -r id template; do echo \"| $id | 0 | ffffffffffff | 1 | $template |\"; done <\"$at/there\" ;;\n"
	"'set -t create-vnpu')\n"
	"	[ ! -e \"$at/refuses\" ] || { echo 'create vnpu failed.'; exit 1; }\n"
	"	echo \"${11} $9\" >>\"$at/there\"\n"
	"	[ ! -d \"$at/dev\" ] || : >\"$at/dev/vdavinci${11}\"\n"
	"	[ ! -e \"$at/dies\" ] || kill -9 $PPID\n"
	"	printf '\\tStatus : OK\\n\\tMessage : Create vnpu success\\n' ;;\n"
	"'set -t destroy-vnpu') id=$9\n"
	"	sed \"/^$id /d\" \"$at/there\" >\"$at/rest\"; mv \"$at/rest\" \"$at/there\"\n"
	"	rm -f \"$at/dev/vdavinci$id\"\n"
	"	printf '\\tStatus : OK\\n\\tMessage : Destroy vnpu %s success\\n' \"$id\" ;;\n"
	"esac\n";
