"use strict";

$("#overview").DataTable({info: false, paging: false, order: []});

$("#toggle_names").on("click", function () {
  const show = $(this).text().startsWith("Show");
  $(".name-shown").toggle(show);
  $(".name-hidden").toggle(!show);
  $(this).text(show ? "Hide all names" : "Show all names");
});
