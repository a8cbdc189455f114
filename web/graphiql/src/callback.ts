/** The window that comes back from the issuer: hands over what it was given, and goes. */

import { CHANNEL, type Outcome, type Received } from "./channel";

const outcome: Outcome = Object.fromEntries(new URLSearchParams(location.search));
// A code in the history or in a bookmark is of no use, and looks like a secret that leaked.
history.replaceState(null, "", location.pathname);

const told = document.getElementById("told");
const channel = new BroadcastChannel(CHANNEL);
channel.addEventListener("message", (event: MessageEvent<Partial<Received>>) => {
  if (outcome.state !== undefined && event.data.received === outcome.state) {
    channel.close();
    if (told !== null) {
      told.textContent = "You can close this window.";
    }
    window.close();
  }
});
if (outcome.state === undefined && told !== null) {
  told.textContent = "Nothing was asked for: sign in with the button in GraphiQL.";
} else {
  channel.postMessage(outcome);
}
