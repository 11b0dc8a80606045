// The prompt: it grows with what is typed, is never lost, has variables and attachments, and says beforehand what it may cost.
const root = document.querySelector("[data-playground]");
const form = document.getElementById("run");
const prompt = document.getElementById("prompt");
const limit = Number(root?.dataset.promptLimit || 0);
// The same pattern is in playground/variables.py.
const variable = /\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,39})\s*\}\}/g;

const draftKey = () => `atrium-prompt-${form.querySelector("[name=session]").value || "new"}`;
const values = () => Object.fromEntries([...form.querySelectorAll("[name^=var-]")].map((field) => [field.name.slice(4), field.value]));
const whole = () => ((known) => prompt.value.replace(variable, (text, name) => known[name] || text))(values());

export function refuseTooLong() {
  const length = whole().length;
  if (length <= limit) return false;
  const error = document.getElementById("prompt-error");
  error.textContent = `The prompt has ${length.toLocaleString("en")} characters; the playground takes ${limit.toLocaleString("en")}. Shorten it, or call /v1 with a key.`;
  prompt.focus();
  return true;
}

export function clearPrompt() {
  for (const key of ["atrium-prompt-new", draftKey()]) sessionStorage.removeItem(key);
  // A template stays: one wants to run it with other values.
  if (!form.querySelector("[name^=var-]")) prompt.value = "";
  changed();
}

function grow() {
  // The height follows the text by `field-sizing: content`; where that is missing, by rows.
  if (!CSS.supports("field-sizing", "content")) prompt.rows = Math.min(12, Math.max(2, prompt.value.split("\n").length));
}

function variables() {
  const box = document.getElementById("variables");
  const systems = [...document.querySelectorAll("[data-system]")].map((field) => field.value);
  const names = [...new Set([prompt.value.slice(0, limit), ...systems].flatMap((text) => [...text.matchAll(variable)].map((found) => found[1])))].slice(0, 40);
  const list = box.querySelector(".pg-variable-list");
  if (names.join() === list.dataset.names) return;
  const known = values();
  list.dataset.names = names.join();
  list.replaceChildren(
    ...names.map((name) => {
      const label = document.createElement("label");
      const field = document.createElement("textarea");
      Object.assign(field, { name: `var-${name}`, rows: 1, value: known[name] || "", dir: "auto", className: "form-control" });
      label.append(Object.assign(document.createElement("span"), { textContent: name }), field);
      return label;
    }),
  );
  box.hidden = !names.length;
}

// About four characters a token for Latin text, one and a half for other scripts.
const tokens = (text) => {
  const wide = (text.match(/[^\u0000-\u024f]/g) || []).length;
  return Math.ceil((text.length - wide) / 4 + wide / 1.5);
};
const amount = (value, currency) => {
  const digits = value && value < 0.01 ? { maximumSignificantDigits: 2 } : { maximumFractionDigits: 2 };
  return new Intl.NumberFormat("en", { style: "currency", currency, minimumFractionDigits: 0, ...digits }).format(value);
};

function estimate() {
  const output = document.getElementById("estimate");
  const text = whole();
  const heads = [...document.querySelectorAll(".pg-head[data-currency]")];
  if (!text.trim() || !heads.length) {
    output.textContent = "";
    return;
  }
  let total = 0;
  let atMost = 0;
  let capped = true;
  let unpriced = 0;
  let input = 0;
  for (const head of heads) {
    const key = head.dataset.key;
    const said = Number(document.getElementById(`column-${key}`).dataset.said) / 4;
    const system = document.getElementById(`c${key}-system`)?.value || "";
    const count = tokens(text) + tokens(system) + said;
    input = Math.max(input, count);
    if (!head.dataset.inputPrice) {
      unpriced++;
      continue;
    }
    total += (count * Number(head.dataset.inputPrice)) / 1e6;
    const longest = Number(document.querySelector(`[name=c${key}-max_tokens]`)?.value || head.dataset.longest);
    if (longest > 0) atMost += (longest * Number(head.dataset.outputPrice || 0)) / 1e6;
    else capped = false;
  }
  const currency = heads[0].dataset.currency;
  const count = input < 1000 ? Math.round(input) : `${(input / 1000).toFixed(1)}k`;
  const cost = unpriced === heads.length ? "not priced" : `${amount(total, currency)} in${capped ? `, at most ${amount(total + atMost, currency)}` : " + answer"}`;
  output.textContent = `estimate: ${count} ${count === 1 ? "token" : "tokens"} · ${cost}`;
}

// What `dir="auto"` does, which takes Chromium seconds on a text of two million letters: the first letter decides.
function direct() {
  const first = prompt.value.slice(0, 2000).match(/\p{L}/u)?.[0] || "";
  prompt.dir = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u.test(first) ? "rtl" : "ltr";
}

function changed() {
  direct();
  grow();
  variables();
  clearTimeout(changed.pause);
  changed.pause = setTimeout(() => {
    estimate();
    try {
      if (prompt.value) sessionStorage.setItem(draftKey(), prompt.value.slice(0, limit));
      else sessionStorage.removeItem(draftKey());
    } catch {
      // a full or forbidden storage must not keep anybody from typing
    }
  }, 120);
}

async function attach(files) {
  for (const file of files) {
    const error = document.getElementById("prompt-error");
    error.textContent = "";
    const text = file.size > limit * 4 ? null : await file.text();
    if (text === null || prompt.value.length + text.length > limit) {
      error.textContent = `${file.name} is too long: a prompt takes ${limit.toLocaleString("en")} characters.`;
    } else if (text.includes("\u0000")) {
      error.textContent = `${file.name} is not a text file. Only text can be attached.`;
    } else {
      const fence = "`".repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map((run) => run[0].length + 1)));
      prompt.value = `${prompt.value}${prompt.value && !prompt.value.endsWith("\n") ? "\n\n" : ""}${file.name}:\n${fence}\n${text.replace(/\n$/, "")}\n${fence}\n`;
      changed();
    }
  }
  prompt.focus();
}

if (root && form && prompt) {
  if (!prompt.value) prompt.value = sessionStorage.getItem(draftKey()) || "";
  changed();
  // What tells of results stands above the prompt, however high that has grown.
  new ResizeObserver(() => document.body.style.setProperty("--pg-composer", `${form.offsetHeight}px`)).observe(form);
  document.addEventListener("input", (event) => {
    if (event.target.form !== form) return;
    if (event.target === prompt) document.getElementById("prompt-error").textContent = "";
    changed();
  });
  document.addEventListener("pg-estimate", estimate);
  form.querySelector("[data-attach]").addEventListener("change", async (event) => {
    await attach(event.target.files);
    event.target.value = "";
  });
  prompt.addEventListener("dragover", (event) => event.dataTransfer.types.includes("Files") && event.preventDefault());
  prompt.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    attach(event.dataTransfer.files);
  });
  // On a desktop one begins by typing.
  if (matchMedia("(width >= 992px) and (hover: hover)").matches && document.activeElement === document.body) prompt.focus({ preventScroll: true });
}
