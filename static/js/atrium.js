// What every page has. Each module finds what it serves by data- attributes, so that htmx may swap anything.
import "./dialogs.js";
import "./toasts.js";
import "./copying.js";
import "./times.js";
import "./palette.js";
import "./keys.js";
import "./navigation.js";
import "./session.js";
import "./passkeys.js";
import "./submitting.js";
import "./charts.js";
