"""Chat, streams, tools, schemas and embeddings with langchain-openai, to each provider behind the gateway.

langchain_tour.py BASE_URL KEY. Fails by an exception.
"""

import sys

import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

BASE_URL, KEY = sys.argv[1:]
MODELS = ["anthropic/claude-opus-4-6", "openai/gpt-4o", "azure_openai/gpt-4o", "gemini/gemini-2.5-pro"]
HARD = 'He said "hi" \\n é 😀 <b>'
CITY = 'Köln "é"'


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"12 degrees in {city}"


class Person(BaseModel):
    name: str
    age: int


def chat(model, **options):
    return ChatOpenAI(**{"model": model, "base_url": BASE_URL, "api_key": KEY, "max_retries": 0, **options})


def whole(model):
    answer = chat(model).invoke([("system", "be brief"), ("human", f"say: {HARD}")])
    assert answer.content == HARD, answer
    assert answer.usage_metadata["total_tokens"] > 0, answer


def streamed(model):
    chunks = list(chat(model, stream_usage=True).stream(f"say: {HARD}"))
    assert "".join(chunk.content for chunk in chunks) == HARD, chunks
    assert any(chunk.usage_metadata for chunk in chunks), chunks


def tools(model):
    bound = chat(model).bind_tools([get_weather])
    talk = [HumanMessage(f"What is the weather? say: {CITY}")]
    for made in (bound.invoke(talk), None):
        if made is None:
            for chunk in bound.stream(talk):
                made = chunk if made is None else made + chunk
        (call,) = made.tool_calls
        assert call["name"] == "get_weather" and call["args"] == {"city": CITY}, made
        result = ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])
        after = bound.invoke([*talk, made, result, HumanMessage("say: done")])
        assert after.content == "done", after


def schema(model):
    person = chat(model).with_structured_output(Person).invoke("say: Ada")
    assert isinstance(person, Person) and person.name == "Ada", person


def embeddings():
    for name in ("text-embedding-3-small", "gemini-embedding-001"):
        # Texts as they are: tokens can't be searched for personal data.
        make = OpenAIEmbeddings(model=name, base_url=BASE_URL, api_key=KEY, check_embedding_ctx_length=False)
        vectors = make.embed_documents(["red", "blue"])
        assert len(vectors) == 2 and vectors[0] == make.embed_query("red") != vectors[1]


def errors():
    try:
        chat("gpt-99").invoke("hi")
    except openai.NotFoundError as error:
        assert error.code == "model_not_found", error
    else:
        raise AssertionError("a model that nobody has answered")


for model in MODELS:
    for part in (whole, streamed, tools, schema):
        try:
            part(model)
        except Exception as error:
            raise AssertionError(f"{part.__name__} to {model}") from error
embeddings()
errors()
