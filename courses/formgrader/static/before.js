// Comes before nbgrader's scripts, after the libraries: what nbgrader's pages say inline, and what
// they expect of MathJax, which is not here.
"use strict";

const told = document.currentScript.dataset;

Object.assign(window, {
  base_url: told.home,
  submission_id: told.submission,
  notebook_id: told.notebook,
  assignment_id: told.assignment,
  getCookie: () => told.xsrf,
  MathJax: {Hub: {Startup: {signal: {Interest: (call) => call("End")}}}},
});

// All requests, reads too: the classroom asks for it of every script.
$.ajaxSetup({headers: {"X-XSRFToken": told.xsrf}});

$(document).ajaxError((_event, answer) => {
  const said = answer.responseJSON && answer.responseJSON.message;
  $("#unsaved").text(`Not saved. ${said || "Load the page again, and try once more."}`).show();
});
$(document).ajaxSuccess((_event, _answer, options) => {
  if (options.type !== "GET") {
    $("#unsaved").hide();
  }
});

$("[data-names]").on("click", function () {
  const show = this.dataset.names === "show";
  $(".name-shown").toggle(show);
  $(".name-hidden").toggle(!show);
});

// Who was sent to a task finds it, not the first field; nbgrader's script chooses by ?index=.
$(window).on("load", () => {
  const field = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (field) {
    setTimeout(() => field.focus());
  }
});
