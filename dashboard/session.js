// Who looks at the page: where the key is kept, and how a request shows it. Another way to sign in (a token of an
// identity provider) is another implementation of `headers`, and nothing else changes.

const NAME = "gateway-key";

let key = read();

function read() {
  try {
    return sessionStorage.getItem(NAME);
  } catch {
    // Storage is forbidden here: the key lives as long as the page.
    return null;
  }
}

/** Keeps the key for this tab alone: a new tab, and the next start of the browser, ask again. */
export function signIn(presented) {
  key = presented;
  try {
    sessionStorage.setItem(NAME, presented);
  } catch {
    // As above.
  }
}

export function signOut() {
  key = null;
  try {
    sessionStorage.removeItem(NAME);
  } catch {
    // As above.
  }
}

export function isSignedIn() {
  return Boolean(key);
}

/** What proves to the API who asks. Never a part of a URL. */
export function headers() {
  return key ? { "X-API-Key": key } : {};
}
