#!/usr/bin/env python3
"""Fills the usage counters of an embedded ledger: seed.py LEDGER.sqlite DAYS TEAMS MODELS.

One hour of each day, with what a busy team counts there. The gateway must not be running."""

import random
import sqlite3
import sys
import time

ledger, days, teams, models = sys.argv[1], *map(int, sys.argv[2:5])
PROVIDERS = ["openai", "anthropic", "gemini", "azure_openai"]
today = int(time.time() // 86_400) * 24
chance = random.Random(1)


def rows():
    for team in range(teams):
        for day in range(days):
            for model in range(models):
                route = f"{PROVIDERS[model % 4]}/model-{model:02}"
                requests = chance.randint(20, 60)
                for counter, count in [
                    ("requests", requests),
                    ("input_tokens", requests * 800),
                    ("output_tokens", requests * 200),
                    ("cost_nano", requests * 3_000_000 + chance.randint(0, 9_999_999)),
                    ("errors", requests // 20),
                    ("fallbacks", requests // 15),
                    ("redactions.EMAIL_ADDRESS", requests // 3),
                    ("redactions.PHONE_NUMBER", requests // 9),
                    ("latency_ms.500", requests),
                ]:
                    yield f"team-{team:02}", today - day * 24, f"{route}|{counter}", count


with sqlite3.connect(ledger) as books:
    books.executemany("INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?)", rows())
    count, cost = books.execute(
        "SELECT count(*), sum(CASE WHEN route_counter LIKE '%|cost_nano' THEN count END) FROM usage"
    ).fetchone()
print(f"{count} counters, {cost} nano-USD")
