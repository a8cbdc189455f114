/**
 * Serves oidc-provider on a free port of the loopback address and prints its address.
 *
 * People sign in on its own pages, with any password. The name they type says who they are, as
 * `staff_id=…&roles=TELLER,ADMIN&role=TELLER&acr=strong`: those are the claims of their tokens.
 * Tokens are for the API that the client names in `resource`, `urn:bank360`; `urn:bank360:expired`
 * and the like are for tokens with one thing wrong.
 */

import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";

import Provider from "oidc-provider";

const CLIENT = "tests";
const REDIRECT_URI = "http://127.0.0.1/callback";
const HOUR = 3600;

function signingKey(kid, alg, type, options) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: "jwk" }), kid, alg, use: "sig" };
}

const jwks = {
  keys: [
    signingKey("rsa", "RS256", "rsa", { modulusLength: 2048 }),
    signingKey("ec", "ES256", "ec", { namedCurve: "P-256" }),
    signingKey("ed", "Ed25519", "ed25519"),
  ],
};
const WRONG = {
  expired: (payload) => ({ exp: payload.iat - HOUR }),
  early: (payload) => ({ nbf: payload.iat + HOUR }),
  audience: () => ({ aud: "another-service" }),
  issuer: () => ({ iss: "http://127.0.0.1:1" }),
};
const ALGORITHMS = { rsa: "RS256", ec: "ES256", ed: "Ed25519" };

function resourceServer(resource) {
  const variant = resource.split(":")[2];
  return {
    scope: "read",
    audience: "bank360",
    accessTokenFormat: "jwt",
    accessTokenTTL: HOUR,
    jwt: { sign: { alg: ALGORITHMS[variant] ?? "RS256" } },
  };
}

function claimsOf(accountId) {
  const claims = Object.fromEntries(new URLSearchParams(accountId));
  const authenticated = claims.acr === undefined ? {} : { auth_time: Math.floor(Date.now() / 1000) };
  return { ...claims, ...authenticated, roles: (claims.roles ?? "").split(",") };
}

const configuration = {
  jwks,
  clients: [
    {
      client_id: CLIENT,
      token_endpoint_auth_method: "none",
      redirect_uris: [REDIRECT_URI],
      application_type: "native",
      response_types: ["code"],
      grant_types: ["authorization_code"],
    },
  ],
  cookies: { keys: ["of the tests"] },
  enabledJWA: { idTokenSigningAlgValues: ["RS256", "ES256", "Ed25519"] },
  extraTokenClaims: (_context, token) => claimsOf(token.accountId),
  features: {
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource) => resourceServer(resource),
      useGrantedResource: () => true,
    },
  },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  formats: {
    customizers: {
      jwt: (context, _token, jwt) => {
        const variant = (context.oidc.params.resource ?? "").split(":")[2];
        Object.assign(jwt.payload, WRONG[variant]?.(jwt.payload) ?? {});
      },
    },
  },
};

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const address = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(address, configuration);
  provider.on("server_error", (_context, error) => console.error(error));
  server.on("request", provider.callback());
  console.log(address);
});
