import "./monaco";

import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "@graphiql/plugin-explorer/style.css";
import "graphiql/graphiql.css";
import "./page.css";

import { explorerPlugin } from "@graphiql/plugin-explorer";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { useMemo, useState } from "react";
import { createRoot } from "react-dom/client";

import { fetcherOf, type Session, signedOutFetcher } from "./api";
import { EXAMPLES } from "./examples";
import { SignIn } from "./SignIn";

const PLUGINS = [HISTORY_PLUGIN, explorerPlugin({ showAttribution: false })];
// Operations and variables name customers, so nothing may be left on the computer's disk. The
// toolkit takes null for "store nothing"; the type of GraphiQL's own property leaves it out.
const NO_STORAGE = null as unknown as Storage;
const TABS = EXAMPLES.map((query) => ({ query }));

function Page() {
  const [session, setSession] = useState<Session | null>(null);
  const [notice, setNotice] = useState("");
  const [visit, setVisit] = useState(0);
  const fetcher = useMemo(() => {
    if (session === null) {
      return signedOutFetcher;
    }
    return fetcherOf(session, (reason) => {
      setSession(null);
      setNotice(reason);
    });
  }, [session]);
  // A new key takes the answers, which tell about customers, off the page with whoever saw them.
  const become = (next: Session | null) => {
    if (session !== null) {
      setVisit(visit + 1);
    }
    setSession(next);
    setNotice("");
  };
  return (
    <>
      <SignIn
        notice={notice}
        onSignIn={become}
        onSignOut={() => become(null)}
        session={session}
      />
      <GraphiQL
        defaultQuery=""
        defaultTabs={TABS}
        fetcher={fetcher}
        // One place for the token: the field above. Nothing else needs a header.
        isHeadersEditorEnabled={false}
        key={visit}
        plugins={PLUGINS}
        // Without a token the schema could only be refused, so it is not asked for.
        schema={session === null ? null : undefined}
        schemaDescription
        shouldPersistHeaders={false}
        showPersistHeadersSettings={false}
        storage={NO_STORAGE}
      >
        <GraphiQL.Logo>GraphiQL</GraphiQL.Logo>
      </GraphiQL>
    </>
  );
}

const root = document.getElementById("root");
if (root === null) {
  throw new Error("the page has no element with the id 'root'");
}
createRoot(root).render(<Page />);
