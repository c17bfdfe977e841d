"""A tour of the gateway with OpenAI's official SDK: what a developer does who changed base URL and key.

openai_tour.py PART BASE_URL KEY, where PART is `demo`, `retries`, `failing` or `cut`. Fails by an exception.
"""

import asyncio
import sys
import time

import openai
from openai import AsyncOpenAI, OpenAI

PART, BASE_URL, KEY = sys.argv[1:]
MODELS = ["anthropic/claude-opus-4-6", "openai/gpt-4o", "azure_openai/gpt-4o", "gemini/gemini-2.5-pro"]
HARD = 'He said "hi" \\n é 😀 <b>'


def client(**options):
    return OpenAI(**{"base_url": BASE_URL, "api_key": KEY, "max_retries": 0, **options})


def say(text):
    return [{"role": "user", "content": f"say: {text}"}]


def raised(kind, call):
    """The exception of exactly this class that a call raises."""
    try:
        answer = call()
    except openai.OpenAIError as error:
        assert type(error) is kind, f"{type(error).__name__} instead of {kind.__name__}: {error}"
        return error
    raise AssertionError(f"{kind.__name__} was not raised, the answer is {answer}")


def refused(kind, code, param, call):
    error = raised(kind, call)
    assert (error.code, error.param) == (code, param), (error.code, error.param, error.body)
    assert error.request_id and len(error.request_id) == 36, error.request_id
    return error


def chat(model, **fields):
    # The demo lets every fourth call to OpenAI fail; the same model elsewhere answers then.
    return client().chat.completions.create(model=model, **{"messages": say(HARD), **fields})


def answers():
    for model in MODELS:
        answer = chat(model)
        choice = answer.choices[0]
        assert (choice.message.role, choice.message.content) == ("assistant", HARD), choice
        assert (choice.finish_reason, answer.object) == ("stop", "chat.completion"), answer
        usage = answer.usage
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 0, usage
        assert answer._request_id and answer.id == "chatcmpl-" + answer._request_id.replace("-", "")

        short = chat(model, max_tokens=16, messages=say("word " * 60))
        assert short.choices[0].finish_reason == "length", short
        talk = [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "a"}]},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "say: done"},
        ]
        assert chat(model, messages=talk).choices[0].message.content == "done"


def streams():
    for model in MODELS:
        chunks = list(chat(model, stream=True))
        assert "".join(c.choices[0].delta.content or "" for c in chunks) == HARD, model
        assert chunks[0].choices[0].delta.role == "assistant"
        assert chunks[-1].choices[0].finish_reason == "stop"
        assert all(chunk.usage is None for chunk in chunks)
        assert len({chunk.id for chunk in chunks}) == 1
        assert chunks[-1].model_extra["gateway"]["cost_usd"] > 0

        *_, last = chat(model, stream=True, stream_options={"include_usage": True})
        assert last.choices == [] and last.usage.total_tokens > 0, last

    # The helper that puts chunks together.
    with client().chat.completions.stream(model=MODELS[0], messages=say(HARD)) as stream:
        assert stream.get_final_completion().choices[0].message.content == HARD


def errors():
    hi = say("hi")
    create = client().chat.completions.create
    nobody = client(api_key="a-key-of-nobody").chat.completions.create
    error = refused(openai.AuthenticationError, "invalid_api_key", None, lambda: nobody(model="gpt-4o", messages=hi))
    assert "a-key-of-nobody" not in str(error) and error.status_code == 401
    bad, absent = openai.BadRequestError, openai.NotFoundError
    refused(bad, "invalid_field", "temperature", lambda: create(model="gpt-4o", messages=hi, temperature=3))
    refused(bad, "invalid_field", "messages", lambda: create(model="gpt-4o", messages=[]))
    refused(bad, "unsupported", "logprobs", lambda: create(model="gpt-4o", messages=hi, logprobs=True))
    tools = [{"type": "web_search"}]
    refused(bad, "unsupported", "tools[0].type", lambda: create(model="gpt-4o", messages=hi, tools=tools))
    refused(bad, "unpriced_model", "model", lambda: create(model="openai/gpt-99", messages=hi))
    refused(absent, "model_not_found", "model", lambda: create(model="gpt-99", messages=hi))
    refused(absent, "model_not_found", "model", lambda: client().models.retrieve("gpt-99"))
    refused(absent, "not_found", None, lambda: client().files.list())
    nowhere = client(base_url="http://127.0.0.1:1/v1")
    raised(openai.APIConnectionError, lambda: nowhere.models.list())


def models():
    names = [model.id for model in client().models.list()]
    assert len(names) == len(set(names)) and {"claude-opus-4-6", "gpt-4o", "gemini-2.5-pro"} <= set(names)
    assert client().models.retrieve("gpt-4o").owned_by == "openai"
    assert client().models.retrieve("anthropic/claude-opus-4-6").owned_by == "anthropic"


def embeddings():
    make = client().embeddings.create
    for model in ("text-embedding-3-small", "gemini-embedding-001"):
        # The SDK asks for base64 by itself and makes numbers of it.
        made = make(model=model, input=["red", "blue", "red"])
        vectors = [item.embedding for item in made.data]
        assert [item.index for item in made.data] == [0, 1, 2] and made.object == "list", made
        assert vectors[0] == vectors[2] != vectors[1] and made.usage.prompt_tokens > 0, made
        numbers = make(model=model, input="red", encoding_format="float", dimensions=len(vectors[0])).data[0].embedding
        assert all(abs(one - other) < 1e-6 for one, other in zip(numbers, vectors[0], strict=True)), (numbers, vectors)
    bad = openai.BadRequestError
    refused(bad, "invalid_field", "input", lambda: make(model="text-embedding-3-small", input=["a"] * 2049))
    refused(bad, "content_blocked", "input", lambda: make(model="text-embedding-3-small", input=[1, 2, 3]))
    refused(openai.NotFoundError, "model_not_found", "model", lambda: make(model="gpt-4o", input="a"))


def headers():
    create = client().chat.completions.with_raw_response.create
    raw = create(model=MODELS[0], messages=say("hi"), seed=1)
    assert raw.parse().choices[0].message.content == "hi"
    assert raw.headers["x-gateway-provider"] == "anthropic"
    assert raw.headers["x-gateway-dropped-params"] == "seed"
    assert float(raw.headers["x-gateway-cost-usd"]) > 0
    with client().chat.completions.with_streaming_response.create(
        model=MODELS[0], messages=say("hi"), stream=True
    ) as response:
        assert response.headers["x-gateway-model"] == "claude-opus-4-6"
        assert list(response.iter_lines())[-2:] == ["data: [DONE]", ""]


async def asynchronous():
    async with AsyncOpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0) as aclient:
        create = aclient.chat.completions.create
        asked = [create(model=MODELS[n % 4], messages=say(f"answer {n}")) for n in range(12)]
        texts = [answer.choices[0].message.content for answer in await asyncio.gather(*asked)]
        assert texts == [f"answer {n}" for n in range(12)], texts
        stream = await create(model=MODELS[3], messages=say(HARD), stream=True)
        assert "".join([c.choices[0].delta.content or "" async for c in stream]) == HARD


def demo():
    for part in (answers, streams, errors, models, embeddings, headers):
        part()
    asyncio.run(asynchronous())
    # With fallback off, the call that the demo lets fail is an error of the server's class.
    create = client(default_headers={"x-gateway-fallback": "off"}).chat.completions.create
    failures = []
    for _ in range(4):
        try:
            create(model="openai/gpt-4o", messages=say("hi"))
        except openai.InternalServerError as error:
            failures.append((error.status_code, error.code))
    assert failures == [(502, "upstream_failed")], failures


def retries():
    began = time.monotonic()
    raw = client(max_retries=1).chat.completions.with_raw_response.create(model="gpt-4o", messages=say("hi"))
    assert raw.retries_taken == 1 and raw.parse().choices[0].message.content == "hi"
    # Its own first wait would have been half a second at most.
    assert time.monotonic() - began >= 1, "retry-after was not honoured"


def failing():
    for stream in (False, True):
        call = lambda: chat("gpt-4o", stream=stream)
        error = refused(openai.InternalServerError, "no_provider_available", None, call)
        assert error.status_code == 503 and error.type == "server_error"
        assert int(error.response.headers["retry-after"]) >= 1


def cut():
    """A stream that breaks off after its beginning raises, and is never taken for a whole one."""
    got = []

    def read():
        for chunk in chat(MODELS[0], stream=True, messages=say("one two three four five six seven eight")):
            got.append(chunk.choices[0].delta.content or "")

    error = raised(openai.APIError, read)
    assert "".join(got).startswith("one two") and error.code == "upstream_failed", (got, error.code)


{"demo": demo, "retries": retries, "failing": failing, "cut": cut}[PART]()
