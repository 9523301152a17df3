/* Tokens: what is made is understood, and everything near it is not. */
#include <criterion/criterion.h>

#include "server/identity/token.h"

Test(token, what_is_made_is_understood)
{
	for (token_kind k = TOKEN_PAT; k <= TOKEN_JOIN; k++) {
		token_made made = token_make(k);
		token_parsed got;
		cr_assert(token_parse(k, str_from(made.text), &got), "%s", made.text);
		cr_expect(str_eq(id_str(&made.id), id_str(&got.id)));
		cr_expect(token_matches(&got, str_of((const char *)made.hash, TOKEN_HASH)));
		cr_expect_not(token_parse(k == TOKEN_PAT ? TOKEN_JOIN : TOKEN_PAT, str_from(made.text), &got));
	}
}

/* The checksum: no byte may differ. */
Test(token, one_changed_byte_is_seen_without_a_look_up)
{
	token_made made = token_make(TOKEN_PAT);
	size_t n = strlen(made.text);

	for (size_t i = 0; i < n; i++) {
		token_made bad = made;
		token_parsed got;
		bad.text[i] = bad.text[i] == 'x' ? 'y' : 'x';
		cr_expect_not(token_parse(TOKEN_PAT, str_from(bad.text), &got), "byte %zu", i);
	}
}

Test(token, every_other_length_is_refused)
{
	token_made made = token_make(TOKEN_JOIN);
	token_parsed got;

	for (uint32_t n = 0; n < strlen(made.text); n++)
		cr_expect_not(token_parse(TOKEN_JOIN, str_of(made.text, n), &got), "%u", n);
	cr_expect_not(token_parse(TOKEN_JOIN, STR_NONE, &got));
}

Test(token, another_secret_does_not_match)
{
	token_made a = token_make(TOKEN_PAT), b = token_make(TOKEN_PAT);
	token_parsed got;

	cr_assert(token_parse(TOKEN_PAT, str_from(a.text), &got));
	cr_expect_not(token_matches(&got, str_of((const char *)b.hash, TOKEN_HASH)));
	cr_expect_not(token_matches(&got, STR_NONE));
}
