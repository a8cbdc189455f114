/**
 * How the window that comes back from the issuer tells the page that waits for it.
 *
 * A BroadcastChannel reaches pages of the same origin and no others, so there is no origin to
 * check. It also works where `window.opener` does not: this page and many issuers ask the browser
 * to keep windows of other origins apart (Cross-Origin-Opener-Policy).
 */

export const CHANNEL = "bank360-sign-in";

/** What the issuer added to the callback's address (RFC 6749, sections 4.1.2 and 4.1.2.1). */
export interface Outcome {
  readonly state?: string;
  readonly code?: string;
  readonly error?: string;
  readonly error_description?: string;
}

/** Tells the window that its outcome arrived, so that it can go. */
export interface Received {
  readonly received: string;
}
