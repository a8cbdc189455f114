import { type FormEvent, useState } from "react";

import { HOW_TO_SIGN_IN, openSession, type Session } from "./api";

interface SignInProps {
  readonly session: Session | null;
  /** Why the last session ended, if the server ended it. */
  readonly notice: string;
  readonly onSignIn: (session: Session) => void;
  readonly onSignOut: () => void;
}

/** Whoever brings a token, a person or later an authorization server, hands it to `onToken`. */
function PastedToken({ onToken }: { readonly onToken: (token: string) => Promise<void> }) {
  const [token, setToken] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setToken("");
    void onToken(token.trim());
  };
  return (
    <form onSubmit={submit}>
      <input
        aria-label="Token"
        autoComplete="off"
        onChange={(event) => setToken(event.target.value)}
        placeholder="Paste a token"
        required
        spellCheck={false}
        type="password"
        value={token}
      />
      <button type="submit">Sign in</button>
    </form>
  );
}

function SignedIn({ session, onSignOut }: { session: Session; onSignOut: () => void }) {
  const others = session.roles.filter((role) => role !== session.role);
  return (
    <>
      <span role="status">
        Signed in as <strong>{session.role}</strong>
        {others.length > 0 && `, also ${others.join(", ")}`}
      </span>
      <button onClick={onSignOut} type="button">
        Sign out
      </button>
    </>
  );
}

/** The bar on top: who is signed in, and how to become somebody. */
export function SignIn({ session, notice, onSignIn, onSignOut }: SignInProps) {
  const [problem, setProblem] = useState("");
  const signIn = async (token: string) => {
    setProblem("");
    try {
      onSignIn(await openSession(token));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  const alert = problem || notice;
  return (
    <header className="sign-in">
      <h1>bank360</h1>
      {session ? (
        <SignedIn onSignOut={onSignOut} session={session} />
      ) : (
        <>
          {alert ? (
            <span role="alert">Not signed in: {alert}</span>
          ) : (
            <span role="status">
              Not signed in, so there is no schema yet. Run <code>{HOW_TO_SIGN_IN}</code> and paste
              what it prints.
            </span>
          )}
          <PastedToken onToken={signIn} />
        </>
      )}
    </header>
  );
}
