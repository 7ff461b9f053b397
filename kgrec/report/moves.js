"use strict";
// Shows, beside the list as it is, the list without an edge.  Labels are only ever set as text.
(() => {
  const lists = JSON.parse(document.getElementById("lists").textContent);
  const panel = document.getElementById("without");

  const make = (name, kind, text) => {
    const element = document.createElement(name);
    element.className = kind;
    element.textContent = text;
    return element;
  };

  function moved(before, after, length) {
    if (before === null || before > length) return ["new", before === null ? "new" : `new, ${before}`];
    if (before === after) return ["", ""];
    return after < before ? ["up", `▲ ${before}`] : ["down", `▼ ${before}`];
  }

  function name([key, label], own, note) {
    const cell = make("td", key === own ? "text it" : "text", "");
    cell.append(make("bdi", "", label));
    if (note) cell.append(" ", make("span", "move out", note));
    return cell;
  }

  function says(list, cut, own) {
    const length = list.before.length;
    const place = list.before.findIndex(([which]) => list.items[which][0] === own);
    const others = cut.places.filter((after, n) => n !== place && after !== n + 1).length;
    const text = [];
    if (place >= 0) {
      const label = list.items[list.before[place][0]][1];
      const after = cut.places[place];
      const out = after === null || after > length ? " and leaves the list" : "";
      text.push(after === place + 1 ? `${label} stays at place ${after}` : `${label} goes from place ${place + 1} to ${after ?? "none"}${out}`);
    }
    text.push(others ? `${others} of the other ${length - (place >= 0 ? 1 : 0)} move` : "no other moves");
    return `${text.join("; ")}.`;
  }

  function fill(shown, list, cut, own, learned) {
    shown.querySelector("h5").textContent = `Without ${cut.edges.join(", ")}`;
    shown.querySelector(".learned").hidden = !learned;
    const body = shown.querySelector("tbody");
    const length = list.before.length;
    for (let n = 0; n < Math.max(length, cut.after.length); n++) {
      const row = make("tr", cut.places[n] === n + 1 ? "same" : "", "");
      row.append(make("td", "", n + 1));
      if (n < length) {
        const [which, score] = list.before[n];
        const after = cut.places[n];
        const left = after === null ? "→ out" : after > length ? `→ ${after}` : "";
        row.append(name(list.items[which], own, left), make("td", "num", score));
      } else row.append(make("td", "text", ""), make("td", "num", ""));
      if (n < cut.after.length) {
        const [which, score, before] = cut.after[n];
        const [kind, text] = moved(before, n + 1, length);
        row.append(name(list.items[which], own, ""), make("td", `was move ${kind}`, text), make("td", "num", score));
      }
      body.append(row);
    }
    // what a screen reader says is set once the element is in the page
    requestAnimationFrame(() => { shown.querySelector(".says").textContent = says(list, cut, own); });
  }

  function restore(person) {
    person.querySelectorAll(".without").forEach((shown) => shown.remove());
    person.querySelectorAll("[aria-pressed=true]").forEach((one) => one.setAttribute("aria-pressed", "false"));
    person.querySelectorAll(".gone").forEach((one) => one.classList.remove("gone"));
  }

  function press(trigger) {
    const person = trigger.closest(".person");
    const was = trigger.getAttribute("aria-pressed") === "true";
    restore(person);
    if (was) return;
    const list = lists[person.dataset.person];
    const cut = list.cuts[trigger.dataset.cut];
    const reason = trigger.closest(".reason");
    trigger.setAttribute("aria-pressed", "true");
    for (const arrow of reason.querySelectorAll(".arrow[data-cut]")) {
      arrow.classList.toggle("gone", cut.parts.includes(Number(arrow.dataset.cut)));
    }
    const shown = panel.content.firstElementChild.cloneNode(true);
    fill(shown, list, cut, reason.dataset.item, trigger.matches(".learned"));
    shown.querySelector(".back").addEventListener("click", () => { restore(person); trigger.focus(); });
    const drawing = trigger.closest(".scroll");
    if (drawing) drawing.after(shown);
    else trigger.parentElement.append(shown);
  }

  document.querySelectorAll(".try, button.cut").forEach((one) => { one.hidden = false; });
  for (const trigger of document.querySelectorAll("[data-cut]")) {
    trigger.setAttribute("aria-pressed", "false");
    trigger.addEventListener("click", () => press(trigger));
    if (trigger.matches("button")) continue;
    trigger.setAttribute("role", "button");
    trigger.setAttribute("tabindex", "0");
    trigger.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      press(trigger);
    });
  }
})();
