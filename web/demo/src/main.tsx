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
import { render } from "preact";
import { App } from "./app";
import { loadConfig } from "./config";

const root = document.getElementById("app") as HTMLElement;
try {
  render(<App config={await loadConfig()} />, root);
} catch (error) {
  render(
    <main class="sign-in">
      <p class="error" role="alert">
        Hearth could not start. {error instanceof Error ? error.message : String(error)}
      </p>
    </main>,
    root,
  );
}
