"""Tools, schemas, images and reasoning with OpenAI's official SDK, to each provider behind the gateway.

tools_tour.py BASE_URL KEY. Fails by an exception.
"""

import json
import sys

import openai
from openai import OpenAI
from pydantic import BaseModel

BASE_URL, KEY = sys.argv[1:]
MODELS = ["anthropic/claude-opus-4-6", "openai/gpt-4o", "azure_openai/gpt-4o", "gemini/gemini-2.5-pro"]
CLIENT = OpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0)
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
TOKENS_OF_AN_IMAGE = 85  # as the simulator counts


class GetWeather(BaseModel):
    """The weather of a city."""

    city: str


class GetForecast(BaseModel):
    """The weather of a city tomorrow."""

    city: str


class Person(BaseModel):
    name: str
    tags: list[str]
    age: int


TOOLS = [openai.pydantic_function_tool(GetWeather), openai.pydantic_function_tool(GetForecast)]
CITY = 'Köln "é"'
ASKED = {"role": "user", "content": f"What is the weather? say: {CITY}"}
BOTH = {"role": "user", "content": f"The weather, both of it. say: {CITY}"}


def chat(model, messages, **fields):
    return CLIENT.chat.completions.create(model=model, messages=messages, **fields)


def whole(model):
    """One call, its result, and the words after it."""
    choice = chat(model, [ASKED], tools=TOOLS).choices[0]
    assert choice.finish_reason == "tool_calls", choice
    (call,) = choice.message.tool_calls
    assert call.id and call.type == "function" and call.function.name == "GetWeather", call
    assert json.loads(call.function.arguments) == {"city": CITY}, call
    result = {"role": "tool", "tool_call_id": call.id, "content": "say: 12 degrees"}
    after = chat(model, [ASKED, choice.message, result, {"role": "user", "content": "say: done"}], tools=TOOLS)
    assert after.choices[0].finish_reason == "stop" and after.choices[0].message.content == "done", after


def parallel(model):
    """Two calls at once; the results come back in the other order."""
    message = chat(model, [BOTH], tools=TOOLS).choices[0].message
    names = [call.function.name for call in message.tool_calls]
    assert names == ["GetWeather", "GetForecast"], message
    ids = [call.id for call in message.tool_calls]
    assert len(set(ids)) == 2, ids
    results = [{"role": "tool", "tool_call_id": id, "content": f"result of {id}"} for id in reversed(ids)]
    after = chat(model, [BOTH, message, *results], tools=TOOLS)
    assert after.choices[0].finish_reason == "stop" and after.choices[0].message.content, after
    assert len(chat(model, [BOTH], tools=TOOLS, parallel_tool_calls=False).choices[0].message.tool_calls) <= 2


def forced(model):
    """By name, any, none."""
    hello = [{"role": "user", "content": "hello"}]
    named = {"type": "function", "function": {"name": "GetForecast"}}
    (call,) = chat(model, hello, tools=TOOLS, tool_choice=named).choices[0].message.tool_calls
    assert call.function.name == "GetForecast", call
    assert chat(model, hello, tools=TOOLS, tool_choice="required").choices[0].message.tool_calls
    none = chat(model, [ASKED], tools=TOOLS, tool_choice="none").choices[0]
    assert none.message.tool_calls is None and none.finish_reason == "stop", none


def streamed(model):
    """Piece by piece, put together by the SDK's own helper."""
    with CLIENT.chat.completions.stream(model=model, messages=[BOTH], tools=TOOLS) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        choice = stream.get_final_completion().choices[0]
    assert choice.finish_reason == "tool_calls", choice
    calls = choice.message.tool_calls
    assert [call.function.parsed_arguments for call in calls] == [GetWeather(city=CITY), GetForecast(city=CITY)], calls
    assert [event.name for event in done] == ["GetWeather", "GetForecast"], done
    assert all(call.id for call in calls) and calls[0].id != calls[1].id, calls


def schema(model):
    """`parse`, whole and streamed."""
    ask = {"model": model, "messages": [{"role": "user", "content": "say: Ada"}], "response_format": Person}
    person = CLIENT.chat.completions.parse(**ask).choices[0].message.parsed
    assert isinstance(person, Person) and person.name == "Ada", person
    with CLIENT.chat.completions.stream(**ask) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == person


def images(model):
    text = {"type": "text", "text": "say: a pixel"}
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    answer = chat(model, [{"role": "user", "content": [text, image]}])
    assert answer.choices[0].message.content == "a pixel", answer
    assert answer.usage.prompt_tokens > TOKENS_OF_AN_IMAGE, answer.usage


def reasoning():
    for model in ["openai/gpt-5-mini", "gemini/gemini-2.5-pro"]:
        answer = chat(model, [{"role": "user", "content": "say: hm"}], reasoning_effort="low")
        assert answer.choices[0].message.content == "hm", answer
        assert answer.usage.completion_tokens_details.reasoning_tokens > 0, answer.usage

    # Anthropic's thinking comes back signed, and goes with the results of the tools it thought of.
    model = MODELS[0]
    message = chat(model, [ASKED], tools=TOOLS, reasoning_effort="high").choices[0].message
    assert message.reasoning_content and message.thinking_blocks[0]["signature"], message
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "12 degrees"}
    after = chat(model, [ASKED, message, result], tools=TOOLS, reasoning_effort="high")
    assert after.choices[0].message.content, after

    chunks = list(chat(model, [{"role": "user", "content": "say: hm"}], reasoning_effort="high", stream=True))
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    thoughts = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    blocks = [block for delta in deltas for block in getattr(delta, "thinking_blocks", None) or []]
    assert thoughts and blocks[0]["thinking"] == thoughts and blocks[0]["signature"], (thoughts, blocks)
    assert "".join(delta.content or "" for delta in deltas) == "hm"


for model in MODELS:
    for part in (whole, parallel, forced, streamed, schema, images):
        try:
            part(model)
        except Exception as error:
            raise AssertionError(f"{part.__name__} to {model}") from error
reasoning()
