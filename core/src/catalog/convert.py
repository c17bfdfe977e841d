#!/usr/bin/env python3
"""Writes prices.toml from the price list that it is made of.

    python3 core/src/catalog/convert.py PRICES.json > core/src/catalog/prices.toml

PRICES.json is `{source, licence, generated, models: [...]}`, one object a model, with prices as decimal
strings in USD per token. Nothing is read as a float. What is decided here, and not in Rust:

- Two rows for one provider, model and region: the dearer stays.
- A price of zero for a chat model is taken as no price. The source has it where a model is billed another
  way (music, routers, previews); a budget must not see such a model as free.
- A regional row that is silent about window, max output or abilities takes them from the same model's
  default list: these do not change with the region.
- A chat model that the source lists without the chat endpoint is `responses` or `other`.
- A model that searches the web by itself is `other`: nobody bounds how often it does, and each search is billed.
- Anthropic's factor for its fast mode is written out as a service tier.
- Left out: audio read from a cache and image tokens (no codec counts them), dates, dimensions.
"""

import json
import sys
from decimal import Decimal

HEADER = """\
# Models, prices and abilities of the vendors. Made by convert.py; do not edit: `[models."NAME"]` in
# gateway.toml overrides any of it.
#
# Source:  {source} ({generated})
# Licence: {licence}
#
# A table is a provider, or one region's price list at a provider. A line is a model: its mode, then
# words `key=value`.
#   price=IN/OUT,COLUMN=…   USD per million tokens; the columns read, write, write_1h (prompt caches),
#                           reasoning, audio_in, audio_out where their price is listed; `-` = not listed
#   long=TOKENS:PRICE       replaces the price of the whole request once the prompt exceeds TOKENS
#   batch= flex= priority= fast=
#                           the price in that service tier
#   times=REGION:FACTOR,…   multiplies the price in that region
#   search=USD              one web search
#   window= max=            tokens: context window, largest output
#   can= cannot=            abilities; what stands in neither is unknown
#   effort= effort_not=     levels of reasoning effort that are known to be taken, or not
"""

PROVIDERS = ["anthropic", "openai", "azure_openai", "gemini"]
COLUMNS = [
    ("cache_read", "read"),
    ("cache_write", "write"),
    ("cache_write_1h", "write_1h"),
    ("reasoning", "reasoning"),
    ("audio_input", "audio_in"),
    ("audio_output", "audio_out"),
]


def per_million(per_token):
    """Decimal string per token -> shortest decimal string per million, exactly."""
    return plain(Decimal(per_token).scaleb(6))


def plain(number):
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def price(prices):
    """`IN/OUT,COLUMN=…` of one price object; a missing input or output is `-`."""
    ends = "/".join(per_million(prices[end]) if prices.get(end) else "-" for end in ("input", "output"))
    columns = [
        f"{word}={per_million(prices[key])}"
        for key, word in COLUMNS
        # Reasoning at the price of output is no column of its own.
        if prices.get(key) and not (key == "reasoning" and prices[key] == prices.get("output"))
    ]
    return ",".join([ends, *columns])


def multiplied(prices, factor):
    return {key: usd and str(Decimal(usd) * factor) for key, usd in prices.items()}


def is_priced(model):
    prices = model["price_per_token"]
    ends = [Decimal(prices[end] or 0) for end in ("input", "output")]
    return ends[0] > 0 if model["mode"] == "embedding" else min(ends) > 0


SEARCHES_UNASKED = ("-search-preview", "-search-api", "deep-research")


def mode(model):
    if any(part in model["model"] for part in SEARCHES_UNASKED):
        return "other"
    endpoints = model.get("endpoints")
    if model["mode"] != "chat" or not endpoints or "/v1/chat/completions" in endpoints:
        return model["mode"]
    return "responses" if "/v1/responses" in endpoints else "other"


def words(model):
    """The words of one line, without the name."""
    yield mode(model)
    if is_priced(model):
        yield "price=" + price(model["price_per_token"])
        for tier in sorted(model.get("price_tiers", []), key=lambda t: t["above_prompt_tokens"]):
            yield f"long={tier['above_prompt_tokens']}:{price(tier['price_per_token'])}"
        for tier, prices in sorted(model.get("service_tier_price_per_token", {}).items()):
            yield f"{tier}={price(prices)}"
        factors = {**model.get("regional_multiplier", {}), **model.get("provider_multiplier", {})}
        fast = factors.pop("fast", None)
        if fast:
            yield "fast=" + price(multiplied(model["price_per_token"], Decimal(fast)))
        if factors:
            yield "times=" + ",".join(f"{region}:{factor}" for region, factor in sorted(factors.items()))
        searches = model.get("web_search_price_per_query", {}).values()
        if searches:
            yield "search=" + plain(max(Decimal(usd) for usd in searches))
    for key, word in (("context_window", "window"), ("max_output", "max")):
        if model[key] is not None:
            yield f"{word}={model[key]}"
    abilities = model["capabilities"]
    for verdict, word in ((True, "can"), (False, "cannot")):
        named = [ability for ability, known in abilities.items() if known is verdict]
        if named:
            yield f"{word}={','.join(named)}"
    effort = model.get("reasoning_effort") or {}
    for key, word in (("listed_supported", "effort"), ("listed_unsupported", "effort_not")):
        if effort.get(key):
            yield f"{word}={','.join(effort[key])}"


def cost_order(model):
    return [Decimal(model["price_per_token"][end] or 0) for end in ("output", "input")]


def inherit(row, default):
    """What does not change with the region, where the region's row is silent."""
    for key in ("context_window", "max_output"):
        if row[key] is None:
            row[key] = default[key]
    for ability, known in row["capabilities"].items():
        if known is None:
            row["capabilities"][ability] = default["capabilities"][ability]
    for key in ("reasoning_effort", "endpoints"):
        if row.get(key) is None and default.get(key) is not None:
            row[key] = default[key]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        source = json.load(file)
    rows = {}
    for model in source["models"]:
        key = (PROVIDERS.index(model["provider"]), model.get("region", ""), model["model"])
        if key not in rows or cost_order(rows[key]) < cost_order(model):
            rows[key] = model
    print(HEADER.format(**source), end="")
    table = None
    for (provider, region, name), model in sorted(rows.items(), key=lambda row: row[0]):
        if region and (provider, "", name) in rows:
            inherit(model, rows[provider, "", name])
        if table != (provider, region):
            table = (provider, region)
            print(f"\n[{'.'.join(filter(None, [PROVIDERS[provider], region]))}]")
        print(f'"{name}" = "{" ".join(words(model))}"')


main()
