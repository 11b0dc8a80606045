// A passkey that could not be made or used: allauth's script tells the document, here it is put into words.
import { toast } from "./toasts.js";

const isNumber = /^[\d.]+$|^\[/.test(location.hostname);

function words(error) {
  if (!window.isSecureContext || !window.PublicKeyCredential) {
    return "Passkeys work only over https (or on this machine under localhost), and this browser must know them.";
  }
  if (isNumber) return `Passkeys need a name in the address, not a number. On this machine, open http://localhost:${location.port}/ instead.`;
  switch (error?.name) {
    case "NotAllowedError":
      return "It was cancelled, took too long, or no passkey fits. Nothing was changed; try again.";
    case "InvalidStateError":
      return "This device or key is already added to your account.";
    default:
      return "Your browser could not do it. Nothing was changed; try again, or use another way to sign in.";
  }
}

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  toast({ tone: "bad", title: "The passkey was not used", text: words(event.detail.exception) });
});
