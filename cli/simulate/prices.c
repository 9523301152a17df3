#include "cli/simulate/prices.h"

#include "engine/score.h"

static err price_read(str part, const fleet *f, int64_t *ret, fault *fl)
{
	str number = part, model = str_split(&number, '=');
	int64_t price;

	if (!number.p || str_is_empty(model) || !str_to_i64(number, &price) || price < 0 || price > SCORE_PRICE_MAX)
		return fault_set(fl, ERR_SETTING, NULL, "--prices: '" STR_FMT "' is not MODEL=NUMBER with 0 to %d",
			STR_ARG(part), SCORE_PRICE_MAX);
	int32_t class_id = fleet_class_find(f, model);
	if (class_id == FLEET_NONE)
		return fault_set(
			fl, ERR_SETTING, NULL, "--prices: no node has a GPU of model '" STR_FMT "'", STR_ARG(model));
	ret[class_id] = price;
	return ERR_OK;
}

err prices_read(str text, const fleet *f, int64_t *ret, fault *fl)
{
	err e = ERR_OK;

	for (uint32_t i = 0; i < f->classes.n; i++)
		ret[i] = PRICE_ELSE;
	while (!str_is_empty(text) && !e)
		e = price_read(str_split(&text, ','), f, ret, fl);
	return e;
}
