# The Python environment of the contract test: Schemathesis and what it stands on, each file by its hash
# (tests/contract/requirements.txt). It lies in build/venv and is made anew when that list changes.

# Exports REEVE_CONTRACT_VENV, and sees to it that it is there. Without a network there may be none: then the test says so.
venv_need()
{
	REEVE_CONTRACT_VENV=$root/build/venv
	export REEVE_CONTRACT_VENV
	venv_list=tests/contract/requirements.txt
	venv_wanted=$(cksum <"$venv_list")
	[ "$(cat "$REEVE_CONTRACT_VENV/made-of" 2>/dev/null)" != "$venv_wanted" ] || return 0
	(packages_need contract) || {
		warn "no Python environment, so the contract test will be skipped"
		return 0
	}
	say "Making build/venv for the contract test (log: build/venv.log)"
	venv_make >build/venv.log 2>&1 || {
		rm -rf "$REEVE_CONTRACT_VENV"
		warn "that needs a network, and failed: the contract test will be skipped; see build/venv.log"
	}
}

venv_make()
{
	venv_python=/usr/bin/python3
	[ -x $venv_python ] || venv_python=python3
	rm -rf "$REEVE_CONTRACT_VENV"
	$venv_python -m venv "$REEVE_CONTRACT_VENV" &&
		"$REEVE_CONTRACT_VENV/bin/pip" --disable-pip-version-check --no-input install --quiet --require-hashes --no-deps \
			--only-binary :all: -r "$venv_list" &&
		echo "$venv_wanted" >"$REEVE_CONTRACT_VENV/made-of"
}
