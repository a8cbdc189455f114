import { type FormEvent, useEffect, useRef, useState } from "react";

import { openSession, type Session } from "./api";
import { askConfiguration, type Configuration, type Credentials, signInWith } from "./oauth";

const HOW_TO_GET_A_TOKEN = "bank360 token --role RELATIONSHIP_MANAGER";
const FOR_STAFF = "GraphiQL is for people who work for the bank";

interface SignInProps {
  readonly session: Session | null;
  /** Why the last session ended, if the server ended it. */
  readonly notice: string;
  readonly onSignIn: (session: Session) => void;
  readonly onSignOut: () => void;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function PastedToken({ onToken }: { readonly onToken: (token: string) => void }) {
  const [token, setToken] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setToken("");
    onToken(token.trim());
  };
  return (
    <form onSubmit={submit}>
      <input
        aria-label="Token"
        autoComplete="off"
        onChange={(event) => setToken(event.target.value)}
        placeholder="or paste a token"
        required
        spellCheck={false}
        type="password"
        value={token}
      />
      <button type="submit">Use token</button>
    </form>
  );
}

interface SignedInProps {
  readonly session: Session;
  readonly onRole: (role: string) => void;
  readonly onSignOut: () => void;
}

function SignedIn({ session, onRole, onSignOut }: SignedInProps) {
  const { name, role, roles } = session;
  return (
    <>
      <span role="status">
        Signed in as {name && <strong>{name}, </strong>}
        {roles.length === 1 ? (
          <strong>{role}</strong>
        ) : (
          <select
            aria-label="Acting role"
            onChange={(event) => onRole(event.target.value)}
            value={role}
          >
            {roles.map((held) => (
              <option key={held}>{held}</option>
            ))}
          </select>
        )}
      </span>
      <button onClick={onSignOut} type="button">
        Sign out
      </button>
    </>
  );
}

/** The bar on top: who is signed in, and how to become somebody. */
export function SignIn({ session, notice, onSignIn, onSignOut }: SignInProps) {
  const [configuration, setConfiguration] = useState<Configuration | null>(null);
  const [problem, setProblem] = useState("");
  const attempt = useRef<AbortController | null>(null);
  useEffect(() => {
    askConfiguration().then(setConfiguration, (error: unknown) => setProblem(messageOf(error)));
  }, []);

  const open = async (find: () => Promise<Credentials>, role?: string) => {
    setProblem("");
    try {
      const opened = await openSession(await find(), role);
      if (opened.role === "CUSTOMER" && configuration?.customers === false) {
        throw new Error(FOR_STAFF);
      }
      onSignIn(opened);
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  const offer = configuration?.offer ?? null;
  const signIn = () => {
    attempt.current?.abort();
    const current = new AbortController();
    attempt.current = current;
    if (offer !== null) {
      void open(() => signInWith(offer, current.signal));
    }
  };
  const alert = problem || notice;
  if (session !== null) {
    return (
      <header className="sign-in">
        <h1>bank360</h1>
        <SignedIn
          onRole={(role) => void open(() => Promise.resolve(session), role)}
          onSignOut={onSignOut}
          session={session}
        />
        {problem && <span role="alert">{problem}</span>}
      </header>
    );
  }
  return (
    <header className="sign-in">
      <h1>bank360</h1>
      {alert ? (
        <span role="alert">Not signed in: {alert}</span>
      ) : (
        <span role="status">
          Not signed in, so there is no schema yet. Tokens of the demo also come from{" "}
          <code>{HOW_TO_GET_A_TOKEN}</code>.
        </span>
      )}
      {offer !== null && (
        <button onClick={signIn} type="button">
          Sign in
        </button>
      )}
      <PastedToken onToken={(token) => void open(() => Promise.resolve({ token, name: "" }))} />
    </header>
  );
}
