// Live numbers on the spawn page. What is shown changes in place; nothing is put in another order.
(() => {
  const { _, about, clock } = window.lesesal;
  const form = document.getElementById("lesesal-offers");
  const cards = [...form.querySelectorAll("[data-offer]")];
  const SECONDS = 15;

  const words = {
    now: () => _("starts at once"),
    wait: (starts) => {
      if (starts === null) { return _("you would wait, unknown how long"); }
      const seconds = starts - Date.now() / 1000;
      return _("you would wait {time} ({clock})", { time: about(seconds), clock: clock(starts) });
    },
    unknown: () => _("the cluster does not say"),
    refused: () => _("not for you now"),
  };

  const say = (place, text) => {
    if (place.textContent !== text) { place.textContent = text; }
  };

  const fill = (bar, free, total) => {
    bar.style.setProperty("--free", free);
    bar.style.setProperty("--total", total || 1);
  };

  const showState = (card, state, starts) => {
    const tag = card.querySelector("[data-part=state]");
    tag.dataset.state = state;
    say(tag, words[state](starts));
  };

  const show = (card, { state, starts, sentence, gpus }) => {
    showState(card, state, starts);
    say(card.querySelector("[data-part=sentence]"), sentence);
    const choice = card.querySelector("input");
    // A chosen one stays chosen: without any choice another offer would be started.
    choice.disabled = state === "refused" && !choice.checked;
    const rows = new Map([...card.querySelectorAll("[data-kind]")].map((row) => [row.dataset.kind, row]));
    for (const [kind, free, total] of gpus) {
      const row = rows.get(kind);
      if (!row) { continue; }
      fill(row.querySelector(".lesesal-bar"), free, total);
      say(row.querySelector("[data-part=count]"), _("{free} of {total} free", { free, total }));
    }
  };

  for (const bar of form.querySelectorAll(".lesesal-bar")) { fill(bar, bar.dataset.free, bar.dataset.total); }
  for (const card of cards) {
    const { state, starts } = card.querySelector("[data-part=state]").dataset;
    showState(card, state, starts === undefined ? null : Number(starts));
    card.querySelector("input").addEventListener("change", (event) => {
      document.getElementById("lesesal-hours").max = event.target.dataset.hours;
    });
  }

  require(["jhapi"], (JHAPI) => {
    const api = new JHAPI(window.jhdata.base_url);
    const ask = () => {
      const again = () => setTimeout(ask, 1000 * SECONDS);
      if (document.hidden) { again(); return; }
      api.api_request(`offers/${form.dataset.server}`, {
        success: ({ choices }) => {
          const told = new Map(choices.map((choice) => [choice.name, choice]));
          for (const card of cards) {
            if (told.has(card.dataset.offer)) { show(card, told.get(card.dataset.offer)); }
          }
          again();
        },
        error: again,
      });
    };
    setTimeout(ask, 1000 * SECONDS);
  });
})();
