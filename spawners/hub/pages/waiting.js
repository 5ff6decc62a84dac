// The page of a session that is on its way. It asks the hub, whose answer waits for something new.
require(["jhapi"], (JHAPI) => {
  const { _, clock, exactly, expected } = window.lesesal;
  const page = document.getElementById("lesesal-waiting");
  const { user, server, home } = page.dataset;
  const part = (name) => page.querySelector(`[data-part="${name}"]`);
  const api = new JHAPI(window.jhdata.base_url);
  const path = `session/${user}/${server}`;
  let asking = 0;
  let failures = 0;
  let leaving = false;
  let since = null;
  let stage = "";

  // Only what is new is written: a screen reader reads it.
  const say = (name, text) => {
    const place = part(name);
    if (place.textContent !== text) { place.textContent = text; }
  };

  const sentence = (told, waiting) => {
    if (told.silent_since !== null) {
      const time = clock(told.silent_since);
      return waiting
        ? _("The cluster has not answered since {time}. Your place is kept; nothing is lost.", { time })
        : _("The cluster has not answered since {time}. Your session is kept; nothing is lost.", { time });
    }
    const why = waiting && told.reason && !told.news.includes(told.reason) ? ` (${told.reason})` : "";
    return told.news + why;
  };

  // What the cluster has not told shows as such while it matters, and as past when the turn has come.
  const facts = (told, waiting) => {
    const queued = waiting || ["submitting", "returning"].includes(told.phase);
    const unknown = (words) => (waiting ? words : "–");
    const known = told.queue_length === null ? `${told.place}`
      : _("{place} of {length}", { place: told.place, length: told.queue_length });
    const place = told.place === null ? unknown(_("not known yet")) : known;
    const start = told.expected === null ? unknown(_("the cluster does not say yet")) : expected(...told.expected);
    say("place", queued ? place : _("it is your turn"));
    say("course", queued && told.place_in_course !== null
      ? _("number {place} in your course", { place: told.place_in_course }) : "");
    say("expected", queued ? start : _("now"));
    since = told.waited === null ? null : Date.now() / 1000 - told.waited;
    tick();
  };

  const tick = () => {
    if (since !== null) { say("waited", exactly(Math.max(0, Date.now() / 1000 - since))); }
  };

  const notes = (sentences) => {
    const shown = [...part("notes").children].map((note) => note.textContent);
    if (JSON.stringify(shown) === JSON.stringify(sentences)) { return; }
    part("notes").replaceChildren(...sentences.map((text) => {
      const note = document.createElement("p");
      note.className = "lesesal-note";
      note.textContent = text;
      return note;
    }));
  };

  // A button stays where it is, also when its offer is gone: another must not slip under the finger.
  const others = (told) => {
    const list = part("buttons");
    const shown = new Map([...list.children].map((button) => [button.dataset.offer, button]));
    for (const { offer, title } of told.others) {
      if (!shown.has(offer)) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "btn btn-primary px-4";
        button.dataset.offer = offer;
        button.textContent = _("Start “{offer}” instead", { offer: title });
        button.addEventListener("click", () => switchTo(offer));
        list.append(button);
      }
    }
    const free = new Set(told.others.map(({ offer }) => offer));
    for (const button of list.children) {
      button.disabled = told.switching_to !== null || !free.has(button.dataset.offer);
    }
    part("others").hidden = list.children.length === 0;
    say("switching", told.switching_to === null ? ""
      : _("“{offer}” is asked for too. You keep your place in the queue until it runs.", { offer: told.switching_to }));
  };

  const show = (told) => {
    const waiting = told.phase === "waiting";
    const back = told.phase === "returning";
    say("offer", told.offer ? `${server} · ${told.offer}` : server);
    say("heading", back ? _("Your session is coming back") : _("Your session is on its way"));
    say("news", sentence(told, waiting));
    part("news").classList.toggle("lesesal-trouble", told.silent_since !== null);
    facts(told, waiting);
    notes(told.notes);
    others(told);
    const bar = document.getElementById("progress-bar");
    bar.setAttribute("aria-valuenow", told.percent);
    bar.style.width = `${told.percent}%`;
    const title = _("{place} in the queue · Lesesal", { place: told.place });
    document.title = waiting && told.place !== null ? title : "Lesesal";
  };

  const trouble = (text) => say("trouble", text);
  const refusal = (answer, otherwise) => answer.responseJSON?.message || otherwise;
  const send = (request, otherwise) => new Promise((done) => request({
    success: () => { trouble(""); done(true); },
    error: (answer) => { trouble(refusal(answer, otherwise)); done(false); },
  }));

  const switchTo = async (offer) => {
    for (const button of part("buttons").children) { button.disabled = true; }
    await send((options) => api.api_request(`${path}/switch`, {
      ...options, type: "POST", data: JSON.stringify({ offer }), dataType: null,
    }), _("That did not work. You still wait as before; try again."));
    askNow();
  };

  document.getElementById("stop-server-btn").addEventListener("click", async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    leaving = true;
    const done = await send((options) => api.stop_named_server(user, server, options),
      _("The session could not be stopped. Wait a moment and try again."));
    if (done) { window.location.assign(home); return; }
    button.disabled = false;
    leaving = false;
    askNow();
  });

  // The hub's answer waits for something new; an unseen page need not know it at once.
  const pause = (told) => (document.hidden ? 10e3 : told.stage === stage ? 0.2e3 : 0);
  const later = (milliseconds) => {
    clearTimeout(asking);
    asking = setTimeout(ask, milliseconds);
  };

  // Ready: the hub sends us on. Else it has a page that says how the session ended.
  const leave = (ready) => {
    if (ready) { window.location.reload(); return; }
    window.location.assign(`${window.jhdata.base_url}user/${encodeURIComponent(user)}/${server}/`);
  };

  const ask = () => {
    clearTimeout(asking);
    api.api_request(path, {
      data: { seen: stage },
      processData: true,
      success: (told) => {
        failures = 0;
        if (leaving) { return; }
        if (!told.pending) { leave(told.ready); return; }
        show(told);
        later(pause(told));
        stage = told.stage;
      },
      error: ({ status }) => {
        failures += 1;
        if (leaving) { return; }
        if (status === 403) { window.location.reload(); return; } // logged out
        if (status === 404) { leave(false); return; }
        if (failures === 3) {
          say("news", _("The hub does not answer just now; this page keeps asking. Your place is kept."));
        }
        later(3e3);
      },
    });
  };

  const askNow = () => {
    stage = "";
    ask();
  };

  document.addEventListener("visibilitychange", () => { if (!document.hidden) { askNow(); } });
  setInterval(tick, 1000);
  ask();
  window._jupyterhub_page_loaded = true;
});
