/**
 * Signs in to an issuer with openid-client: prints the address to open, reads the address that the
 * browser was sent back to, and prints what it was given.
 *
 * Usage: node client.mjs ISSUER CLIENT_ID REDIRECT_URI
 */

import { createInterface } from "node:readline/promises";

import * as client from "openid-client";

const [issuer, clientId, redirectUri] = process.argv.slice(2);
const insecure = { execute: [client.allowInsecureRequests] };
const metadata = { id_token_signed_response_alg: "Ed25519" };
const none = client.None();
const configuration = await client.discovery(new URL(issuer), clientId, metadata, none, insecure);
const verifier = client.randomPKCECodeVerifier();
const expected = { expectedState: client.randomState(), expectedNonce: client.randomNonce() };
const address = client.buildAuthorizationUrl(configuration, {
  redirect_uri: redirectUri,
  scope: "openid profile email",
  state: expected.expectedState,
  nonce: expected.expectedNonce,
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
});
console.log(address.href);
const lines = createInterface({ input: process.stdin });
for await (const line of lines) {
  const tokens = await client.authorizationCodeGrant(configuration, new URL(line), {
    pkceCodeVerifier: verifier,
    idTokenExpected: true,
    ...expected,
  });
  console.log(JSON.stringify({ token: tokens.access_token, claims: tokens.claims() }));
  break;
}
