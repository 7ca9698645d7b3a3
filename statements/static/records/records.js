/* What the pages do by themselves; without it every one of them still works. */
"use strict";

document.documentElement.classList.add("js");

/* The symbols are words in a font of their own: read out only where nothing else says what a button or link is. */
function silence(within) {
    for (const symbol of within.querySelectorAll(".material-symbols-outlined:not([tabindex])")) {
        const word = symbol.textContent.trim();
        const owner = symbol.closest("a, button, [role=button]");
        if (owner && owner.textContent.trim() === word && !owner.hasAttribute("aria-label")) {
            owner.setAttribute("aria-label", owner.title || word.replaceAll("_", " "));
        }
        symbol.setAttribute("aria-hidden", "true");
    }
}

/* django-unfold makes some things that can only be clicked with a mouse; the keyboard reaches them too. */
function reachable(within) {
    for (const thing of within.querySelectorAll("span[x-on\\:click], div[x-on\\:click], a[x-on\\:click]:not([href])")) {
        if (thing.hasAttribute("tabindex") || thing.querySelector("a, button, input")) continue;
        thing.tabIndex = 0;
        thing.setAttribute("role", "button");
        thing.addEventListener("keydown", (event) => {
            if (event.key !== "Enter" && event.key !== " ") return;
            event.preventDefault();
            thing.click();
        });
    }
}

/* SimpleBar, of django-unfold, calls what it scrolls "scrollable content" unless it is told something else; this runs
   before it does. */
function call(scrollable) {
    for (const within of document.querySelectorAll("[data-simplebar]")) within.dataset.simplebarAriaLabel = scrollable;
}

async function copy(button) {
    const text = document.getElementById(button.dataset.copy).textContent;
    try {
        await navigator.clipboard.writeText(text);
    } catch {
        /* Without https a browser has no clipboard for pages; selecting is the next best. */
        getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
        document.execCommand("copy");
    }
    const before = button.textContent;
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = before; }, 2000);
}

/* A task that runs: its page is brought up to date until it has ended. */
async function watch(task) {
    let answer;
    try {
        answer = await fetch(task.dataset.watch, { headers: { Accept: "application/json" } });
    } catch {
        setTimeout(watch, 3000, task);
        return;
    }
    if (!answer.ok) return;
    const state = await answer.json();
    if (state.ended) { location.reload(); return; }
    const bar = task.querySelector("progress");
    if (state.total) { bar.max = state.total; bar.value = state.done; }
    task.querySelector("[data-sentence]").textContent = state.sentence;
    setTimeout(watch, 1000, task);
}

/* Long lines of a body: what is marked is in sight at once. */
function reveal(lines) {
    const first = lines.querySelector(".r-faulty");
    if (first) lines.scrollTop = first.getBoundingClientRect().top - lines.getBoundingClientRect().top - lines.clientHeight / 2;
}

/* A button that is pressed twice does it once. */
function once(event) {
    const form = event.target;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 3000);
}

document.addEventListener("DOMContentLoaded", () => {
    reachable(document);
    silence(document);
    const named = document.querySelector("[data-scrollable]");
    if (named) call(named.dataset.scrollable);
    for (const select of document.querySelectorAll("select[data-submit]")) select.addEventListener("change", () => select.form.submit());
    for (const form of document.querySelectorAll("form.r-act-form")) form.addEventListener("submit", once);
    for (const button of document.querySelectorAll("button[data-copy]")) button.addEventListener("click", () => copy(button));
    for (const lines of document.querySelectorAll(".r-lines")) reveal(lines);
    for (const task of document.querySelectorAll("[data-watch]")) watch(task);
});
