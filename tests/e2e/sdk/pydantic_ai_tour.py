"""Agents of pydantic-ai in OpenAI's and in Anthropic's dialect, to each provider behind the gateway.

pydantic_ai_tour.py BASE_URL KEY, the base URL without /v1. Fails by an exception.
"""

import asyncio
import sys

from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

BASE_URL, KEY = sys.argv[1:]
MODELS = ["anthropic/claude-opus-4-6", "openai/gpt-4o", "azure_openai/gpt-4o", "gemini/gemini-2.5-pro"]
HARD = 'He said "hi" \\n é 😀 <b>'
CITY = 'Köln "é"'


class Person(BaseModel):
    name: str


def openai(name):
    client = AsyncOpenAI(base_url=f"{BASE_URL}/v1", api_key=KEY, max_retries=0)
    return OpenAIChatModel(name, provider=OpenAIProvider(openai_client=client))


def anthropic(name):
    client = AsyncAnthropic(base_url=BASE_URL, api_key=KEY, max_retries=0)
    return AnthropicModel(name, provider=AnthropicProvider(anthropic_client=client))


async def whole(model):
    result = await Agent(model, instructions="be brief").run(f"say: {HARD}")
    assert result.output == HARD, result


async def streamed(model):
    async with Agent(model).run_stream(f"say: {HARD}") as result:
        assert await result.get_output() == HARD, result


async def tools(model):
    agent, seen = Agent(model), []

    @agent.tool_plain
    def get_weather(city: str) -> str:
        """The weather of a city."""
        seen.append(city)
        return "12 degrees"

    result = await agent.run(f"What is the weather? say: {CITY}")
    assert seen == [CITY] and result.output, (seen, result)


async def typed(model):
    """The output is a call of a tool that is forced."""
    result = await Agent(model, output_type=Person).run("say: Ada")
    assert isinstance(result.output, Person) and result.output.name == "Ada", result


async def errors(make):
    try:
        await Agent(make("gpt-99")).run("hi")
    except ModelHTTPError as error:
        assert error.status_code == 404 and "model_not_found" in str(error.body), error
    else:
        raise AssertionError("a model that nobody has answered")


async def all_of_it():
    for make in (openai, anthropic):
        for name in MODELS:
            for part in (whole, streamed, tools, typed):
                try:
                    await part(make(name))
                except Exception as error:
                    raise AssertionError(f"{part.__name__} in {make.__name__}'s dialect to {name}") from error
        await errors(make)


asyncio.run(all_of_it())
