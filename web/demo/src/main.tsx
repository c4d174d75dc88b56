import "@fontsource-variable/figtree";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/sign-in.css";
import "./styles/chat.css";
import "./styles/sidebar.css";
import "./styles/timeline.css";
import "./styles/attachments.css";
import "./styles/messages.css";
import "./styles/message-menu.css";
import "./styles/composer.css";
import "./styles/dialogs.css";
import "./styles/people.css";
import "./styles/forced-colors.css";
import { type ComponentChild, render } from "preact";
import { App } from "./app";
import { loadConfig } from "./config";

try {
  show(<App config={await loadConfig()} />);
} catch (error) {
  show(
    <main class="sign-in">
      <p class="error" role="alert">
        Hearth could not start. {error instanceof Error ? error.message : String(error)}
      </p>
    </main>,
  );
}

function show(content: ComponentChild): void {
  const root = document.getElementById("app") as HTMLElement;
  root.replaceChildren(); // removes the logo of index.html, which Preact would keep
  render(content, root);
}
