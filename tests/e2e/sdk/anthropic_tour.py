"""A tour of the gateway with Anthropic's official SDK: what a developer does who changed base URL and key.

anthropic_tour.py PART BASE_URL KEY, where PART is `whole`, `retries`, `failing` or `cut`. Fails by an exception.
"""

import asyncio
import sys
import time

import anthropic
from anthropic import Anthropic, AsyncAnthropic

PART, BASE_URL, KEY = sys.argv[1:]
MODELS = ["anthropic/claude-opus-4-6", "openai/gpt-4o", "azure_openai/gpt-4o", "gemini/gemini-2.5-pro"]
HARD = 'He said "hi" \\n é 😀 <b>'
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CITY = 'Köln "é"'
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [
    {"name": "get_weather", "description": "The weather of a city.", "input_schema": SCHEMA},
    {"name": "get_forecast", "description": "Of tomorrow.", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}},
]


def client(**options):
    return Anthropic(**{"base_url": BASE_URL, "api_key": KEY, "max_retries": 0, **options})


def say(text):
    return [{"role": "user", "content": f"say: {text}"}]


def create(model, messages, **fields):
    return client().messages.create(model=model, messages=messages, **{"max_tokens": 4096, **fields})


def raised(kind, call):
    """The exception of exactly this class that a call raises."""
    try:
        answer = call()
    except anthropic.AnthropicError as error:
        assert type(error) is kind, f"{type(error).__name__} instead of {kind.__name__}: {error}"
        return error
    raise AssertionError(f"{kind.__name__} was not raised, the answer is {answer}")


def refused(kind, code, call):
    error = raised(kind, call)
    assert error.body["error"]["code"] == code, error.body
    assert error.request_id and error.request_id == error.body["request_id"], (error.request_id, error.body)
    return error


def answers(model):
    answer = create(model, say(HARD), system=[{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}])
    assert (answer.type, answer.role, answer.stop_reason) == ("message", "assistant", "end_turn"), answer
    assert [block.text for block in answer.content if block.type == "text"] == [HARD], answer
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0, answer.usage
    assert answer._request_id and answer.id == "msg_" + answer._request_id.replace("-", ""), answer
    assert create(model, say("word " * 60), max_tokens=16).stop_reason == "max_tokens"
    talk = [{"role": "user", "content": [{"type": "text", "text": "a"}]}, {"role": "assistant", "content": "b"}]
    assert create(model, [*talk, *say("done")]).content[-1].text == "done"


def streams(model):
    with client().messages.stream(model=model, messages=say(HARD), max_tokens=4096) as stream:
        assert "".join(stream.text_stream) == HARD, model
        message = stream.get_final_message()
    assert message.stop_reason == "end_turn" and message.usage.output_tokens > 0, message
    assert message.usage.input_tokens > 0, message.usage
    events = list(create(model, say(HARD), stream=True))
    kinds = [event.type for event in events]
    assert kinds[0] == "message_start" and kinds[-2:] == ["message_delta", "message_stop"], kinds


def tools(model):
    asked = {"role": "user", "content": f"The weather, both of it. say: {CITY}"}
    with client().messages.stream(model=model, messages=[asked], tools=TOOLS, max_tokens=4096) as stream:
        streamed = stream.get_final_message()
    for made in (create(model, [asked], tools=TOOLS), streamed):
        assert made.stop_reason == "tool_use", made
        calls = [block for block in made.content if block.type == "tool_use"]
        assert [call.name for call in calls] == ["get_weather", "get_forecast"], calls
        assert all(call.input == {"city": CITY} for call in calls) and calls[0].id != calls[1].id, calls
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": "12 degrees"} for call in reversed(calls)]
        answers = {"role": "user", "content": [*results, {"type": "text", "text": "say: done"}]}
        after = create(model, [asked, {"role": "assistant", "content": made.content}, answers], tools=TOOLS)
        assert after.content[-1].text == "done", after
    hello = [{"role": "user", "content": "hello"}]
    forced = create(model, hello, tools=TOOLS, tool_choice={"type": "tool", "name": "get_forecast"})
    assert [block.name for block in forced.content if block.type == "tool_use"] == ["get_forecast"], forced
    none = create(model, [asked], tools=TOOLS, tool_choice={"type": "none"})
    assert none.stop_reason == "end_turn", none


def images(model):
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "say: a pixel"}]
    answer = create(model, [{"role": "user", "content": content}])
    assert answer.content[-1].text == "a pixel", answer
    assert answer.usage.input_tokens > 80, answer.usage


def thinking():
    """Thought, called, gone on: the thought goes back with its signature."""
    model, thinks = MODELS[0], {"type": "enabled", "budget_tokens": 1024}
    asked = {"role": "user", "content": f"What is the weather? say: {CITY}"}
    made = create(model, [asked], tools=TOOLS, thinking=thinks)
    with client().messages.stream(model=model, messages=[asked], tools=TOOLS, thinking=thinks, max_tokens=4096) as stream:
        streamed = stream.get_final_message()
    for made in (made, streamed):
        thought, call = made.content[0], made.content[-1]
        assert thought.type == "thinking" and thought.thinking and thought.signature, made
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "12 degrees"}
        talk = [asked, {"role": "assistant", "content": made.content}, {"role": "user", "content": [result]}]
        assert create(model, talk, tools=TOOLS, thinking=thinks).content[-1].text


def counts():
    for model in MODELS:
        few = client().messages.count_tokens(model=model, messages=say("hi"))
        many = client().messages.count_tokens(model=model, messages=say("word " * 200), tools=TOOLS, system="be brief")
        assert 0 < few.input_tokens < many.input_tokens, (model, few, many)


def errors():
    hi, send = say("hi"), client().messages.create
    nobody = client(api_key="a-key-of-nobody").messages.create
    error = refused(anthropic.AuthenticationError, "invalid_api_key", lambda: nobody(model="gpt-4o", messages=hi, max_tokens=9))
    assert "a-key-of-nobody" not in str(error)
    bad, absent = anthropic.BadRequestError, anthropic.NotFoundError
    refused(bad, "invalid_field", lambda: send(model="gpt-4o", messages=[], max_tokens=9))
    refused(bad, "invalid_field", lambda: send(model="gpt-4o", messages=hi, max_tokens=9, tool_choice={"type": "any"}))
    search = [{"type": "web_search_20250305", "name": "web_search"}]
    refused(bad, "unsupported", lambda: send(model="gpt-4o", messages=hi, max_tokens=9, tools=search))
    refused(absent, "model_not_found", lambda: send(model="gpt-99", messages=hi, max_tokens=9))
    nowhere = client(base_url="http://127.0.0.1:1")
    raised(anthropic.APIConnectionError, lambda: nowhere.messages.create(model="x", messages=hi, max_tokens=9))


def headers():
    send = client(auth_token=None).messages.with_raw_response.create
    raw = send(model=MODELS[1], messages=say("hi"), max_tokens=99, extra_body={"x_new": 1})
    assert raw.parse().content[-1].text == "hi"
    assert raw.headers["x-gateway-provider"] == "openai" and float(raw.headers["x-gateway-cost-usd"]) > 0
    assert raw.headers["x-gateway-dropped-params"] == "x_new", raw.headers
    # A bearer token in place of the key, as agents may be set up.
    bearer = Anthropic(base_url=BASE_URL, auth_token=KEY, max_retries=0)
    assert bearer.beta.messages.create(
        model=MODELS[0], messages=say("hi"), max_tokens=99, betas=["interleaved-thinking-2025-05-14"]
    ).content[-1].text == "hi"


async def asynchronous():
    async with AsyncAnthropic(base_url=BASE_URL, api_key=KEY, max_retries=0) as aclient:
        send = aclient.messages.create
        asked = [send(model=MODELS[n % 4], messages=say(f"answer {n}"), max_tokens=4096) for n in range(12)]
        texts = [answer.content[-1].text for answer in await asyncio.gather(*asked)]
        assert texts == [f"answer {n}" for n in range(12)], texts


def whole():
    for model in MODELS:
        for part in (answers, streams, tools, images):
            try:
                part(model)
            except Exception as error:
                raise AssertionError(f"{part.__name__} to {model}") from error
    for part in (thinking, counts, errors, headers):
        part()
    asyncio.run(asynchronous())


def retries():
    began = time.monotonic()
    raw = client(max_retries=1).messages.with_raw_response.create(model="gpt-4o", messages=say("hi"), max_tokens=99)
    assert raw.retries_taken == 1 and raw.parse().content[-1].text == "hi"
    # Its own first wait would have been half a second at most.
    assert time.monotonic() - began >= 1, "retry-after was not honoured"


def failing():
    for stream in (False, True):
        call = lambda: create("gpt-4o", say("hi"), stream=stream)
        error = refused(anthropic.ServiceUnavailableError, "no_provider_available", call)
        assert error.status_code == 503 and int(error.response.headers["retry-after"]) >= 1


def cut():
    """A stream that breaks off after its beginning raises, and is never taken for a whole one."""
    got = []

    def read():
        for event in create(MODELS[0], say("one two three four five six seven eight"), stream=True):
            if event.type == "content_block_delta":
                got.append(event.delta.text)

    error = raised(anthropic.APIStatusError, read)
    assert "".join(got).startswith("one two"), got
    assert error.body["error"]["code"] == "upstream_failed", error.body


{"whole": whole, "retries": retries, "failing": failing, "cut": cut}[PART]()
