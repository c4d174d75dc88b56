import { HearthClient } from "hearth-client";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Notifications, serviceWorker } from "./background";
import type { Config } from "./config";
import { Connection } from "./connection";
import { Context } from "./context";
import { Deletions } from "./deletions";
import { Drafts } from "./draft";
import { DraftStorage } from "./draft-storage";
import { usePageDropGuard } from "./file-drop";
import { loadPartsWhenIdle } from "./lazy";
import { NewConversation, SignOut, Thread, Welcome } from "./parts";
import { People } from "./people";
import { Previews } from "./previews";
import { go, useThreadId } from "./router";
import type { Session } from "./session";
import { Sidebar } from "./sidebar";

/** The page of a signed-in user. It creates one `HearthClient` and closes it when the user signs out. */
export function Chat({ config, session }: { config: Config; session: Session }) {
  const { user } = session;
  const context = useMemo(() => {
    const client = new HearthClient({
      apiUrl: config.apiUrl,
      wsUrl: config.wsUrl,
      token: session.token,
      outbox: { storage: localStorage, key: `hearth-outbox-${user.id}` },
      ...(serviceWorker && {
        notifications: { worker: serviceWorker, storage: localStorage, key: `hearth-notifications-${user.id}` },
      }),
    });
    const previews = new Previews();
    const drafts = new Drafts({ client, previews, storage: new DraftStorage(user.id) });
    const people = new People(client);
    return { client, user, list: client.openThreadList(), drafts, people, previews, deletions: new Deletions() };
  }, [config, session, user]);
  useEffect(
    () => () => {
      const { deletions, drafts, previews, client } = context;
      for (const resource of [deletions, drafts, previews]) resource.close();
      client.signOut();
    },
    [context],
  );

  useEffect(() => {
    loadPartsWhenIdle();
    context.people.load(); // for the pictures in the page, and for the people that it offers to write to
  }, [context]);

  usePageDropGuard();
  const threadId = useThreadId();
  const [composing, setComposing] = useState(false);
  const [signingOut, setSigningOut] = useState<{ messages: number; drafts: number; everywhere: boolean }>();

  function askToSignOut({ everywhere }: { everywhere: boolean }) {
    context.deletions.sendAll();
    const messages = context.client.unsentMessages();
    const drafts = context.drafts.count();
    if (everywhere || messages + drafts > 0) setSigningOut({ messages, drafts, everywhere });
    else session.end();
  }

  async function signOut({ discard }: { discard: boolean }) {
    if (signingOut?.everywhere) await session.revokeEverywhere();
    if (discard) context.drafts.discard();
    context.client.signOut({ discardUnsent: discard });
    if (signingOut?.everywhere) session.endRevoked();
    else session.end();
  }

  return (
    <Context.Provider value={context}>
      <Connection />
      <div class="chat" data-pane={threadId ? "thread" : "list"}>
        <Sidebar threadId={threadId} onNew={() => setComposing(true)} onSignOut={askToSignOut} />
        {threadId ? (
          <Thread key={threadId} threadId={threadId} onClose={() => go()} />
        ) : (
          <section class="nothing" aria-label="Conversation">
            <Welcome onNew={() => setComposing(true)} />
          </section>
        )}
      </div>
      <Notifications threadId={threadId} />
      {signingOut && <SignOut {...signingOut} onClose={() => setSigningOut(undefined)} onSignOut={signOut} />}
      {composing && <NewConversation onClose={() => setComposing(false)} />}
    </Context.Provider>
  );
}
