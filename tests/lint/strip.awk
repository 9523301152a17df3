# C without its comments, and without what stands inside string literals unless -v keep=strings; line numbers stay.
{
	out = ""
	n = length($0)
	for (i = 1; i <= n; i++) {
		two = substr($0, i, 2)
		c = substr($0, i, 1)
		if (in_comment) {
			if (two == "*/") { in_comment = 0; i++ }
		} else if (quote != "") {
			if (c == "\\") { if (keep == "strings") out = out two; i++ }
			else if (c == quote) { out = out c; quote = "" }
			else if (keep == "strings") out = out c
		} else if (two == "/*") { in_comment = 1; i++ }
		else if (two == "//") break
		else { if (c == "\"" || c == "'") quote = c; out = out c }
	}
	quote = ""
	print out
}
