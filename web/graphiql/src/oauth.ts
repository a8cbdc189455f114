/**
 * Signs a person in with the issuer: OAuth 2.0, authorization code with PKCE (RFC 7636), and the ID
 * token of OpenID Connect for the name.
 *
 * The issuer's page opens in a window of its own. This page stays as it is meanwhile, so verifier,
 * state and nonce never leave its memory, and neither does the token that they lead to.
 */

import { CHANNEL, type Outcome, type Received } from "./channel";

const CONFIGURATION = "/graphiql/sign-in";
const CALLBACK = "/graphiql/callback";
const WINDOW = "popup,width=820,height=860";
const RANDOM_BYTES = 32;

export interface Offer {
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  readonly clientId: string;
  readonly scope: string;
  readonly resource: string | null;
}

export interface Configuration {
  /** Without an offer people can only paste a token. */
  readonly offer: Offer | null;
  /** Whether customers may use this page too. */
  readonly customers: boolean;
}

export interface Credentials {
  readonly token: string;
  readonly name: string;
}

export async function askConfiguration(): Promise<Configuration> {
  const response = await fetch(CONFIGURATION, { cache: "no-store", credentials: "omit" });
  if (!response.ok) {
    throw new Error(`the server answered ${response.status}`);
  }
  return (await response.json()) as Configuration;
}

function base64url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function random(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)));
}

async function challengeOf(verifier: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return base64url(new Uint8Array(digest));
}

/** Wait for the window that comes back with this state; others are not ours to answer. */
function outcomeOf(state: string, signal: AbortSignal): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const channel = new BroadcastChannel(CHANNEL);
    signal.addEventListener("abort", () => {
      channel.close();
      reject(new Error("the sign-in was given up"));
    });
    channel.addEventListener("message", (event: MessageEvent<Outcome>) => {
      if (event.data.state === state) {
        const received: Received = { received: state };
        channel.postMessage(received);
        channel.close();
        resolve(event.data);
      }
    });
  });
}

/** The claims of an ID token. It came from the issuer itself, over TLS, so its signature need not
 * be checked (OpenID Connect Core 1.0, section 3.1.3.7). */
function claimsOf(idToken: string): Record<string, unknown> {
  const payload = (idToken.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
  const bytes = Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
}

function nameOf(idToken: string | undefined, nonce: string): string {
  if (idToken === undefined) {
    return "";
  }
  const claims = claimsOf(idToken);
  if (claims.nonce !== nonce) {
    throw new Error("the issuer answered another sign-in");
  }
  return String(claims.name ?? claims.preferred_username ?? claims.sub ?? "");
}

interface TokenAnswer {
  readonly access_token?: string;
  readonly id_token?: string;
  readonly error?: string;
  readonly error_description?: string;
}

async function exchange(offer: Offer, code: string, verifier: string): Promise<TokenAnswer> {
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    client_id: offer.clientId,
    redirect_uri: location.origin + CALLBACK,
    code,
    code_verifier: verifier,
  });
  if (offer.resource !== null) {
    body.set("resource", offer.resource);
  }
  const init: RequestInit = { method: "POST", body, cache: "no-store", credentials: "omit" };
  const response = await fetch(offer.tokenEndpoint, init).catch(() => {
    throw new Error("the issuer does not answer");
  });
  return (await response.json().catch(() => ({}))) as TokenAnswer;
}

/**
 * Let a person sign in. Must be called on a click, or the browser blocks the window. Throws an
 * Error whose message is fit to be shown; `signal` gives the attempt up.
 */
export async function signInWith(offer: Offer, signal: AbortSignal): Promise<Credentials> {
  if (!window.isSecureContext) {
    throw new Error("signing in needs HTTPS, or a loopback address");
  }
  const opened = window.open("", "bank360-sign-in", WINDOW);
  if (opened === null) {
    throw new Error("the browser blocked the sign-in window: allow it, and try again");
  }
  const [verifier, state, nonce] = [random(), random(), random()];
  const address = new URL(offer.authorizationEndpoint);
  const parameters: Record<string, string> = {
    response_type: "code",
    client_id: offer.clientId,
    redirect_uri: location.origin + CALLBACK,
    scope: offer.scope,
    state,
    nonce,
    code_challenge: await challengeOf(verifier),
    code_challenge_method: "S256",
    ...(offer.resource === null ? {} : { resource: offer.resource }),
  };
  for (const [name, value] of Object.entries(parameters)) {
    address.searchParams.set(name, value);
  }
  const coming = outcomeOf(state, signal);
  opened.location.replace(address.href);
  const outcome = await coming;
  if (outcome.code === undefined) {
    throw new Error(outcome.error_description ?? outcome.error ?? "the issuer gave no code");
  }
  const answer = await exchange(offer, outcome.code, verifier);
  if (answer.access_token === undefined) {
    throw new Error(answer.error_description ?? answer.error ?? "the issuer gave no token");
  }
  return { token: answer.access_token, name: nameOf(answer.id_token, nonce) };
}
