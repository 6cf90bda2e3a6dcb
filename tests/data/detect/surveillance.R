# What R's package surveillance says of weekly counts, as a table of our own: made by calling it, with the settings that hub.detect has.
#
#   Rscript surveillance.R SERIES.csv ANSWERS.csv FROM
#
# SERIES.csv: a column of Mondays, then a column for each series. FROM: the first judged week, counted from 1.
# ANSWERS.csv: method, series, week (counted from 0), upper bound (NA where the package gives none), alarm (0, 1 or NA).
suppressMessages(library(surveillance))

given <- commandArgs(TRUE)
table <- read.csv(given[1], check.names = FALSE)
counts <- as.matrix(table[, -1, drop = FALSE])
mondays <- as.Date(table[, 1])
judged <- as.integer(given[3]):nrow(counts)
series <- sts(observed = counts, epoch = as.numeric(mondays), epochAsDate = TRUE, frequency = 52,
              start = c(as.integer(format(mondays[1], "%Y")), 1))

answers <- function(method, result) {
  do.call(rbind, lapply(seq_len(ncol(counts)), function(k) {
    data.frame(method = method, series = colnames(counts)[k], week = judged - 1,
               upper = sprintf("%.12g", upperbound(result)[, k]), alarm = as.integer(alarms(result)[, k]))
  }))
}

ears <- lapply(c("C1", "C2", "C3"), function(method) {
  answers(paste0("ears_", tolower(method)),
          earsC(series, control = list(method = method, alpha = if (method == "C3") 0.025 else 0.001, range = judged)))
})
farrington <- lapply(list(c("nbPlugin", 1), c("nbPlugin", 0.05), c("delta", 0.05), c("muan", 0.05)), function(form) {
  result <- suppressWarnings(farringtonFlexible(series, control = list(
    range = judged, b = 5, w = 3, noPeriods = 10, pastWeeksNotIncluded = 26, limit54 = c(5, 4), alpha = 0.01,
    weightsThreshold = 2.58, pThresholdTrend = as.numeric(form[2]), thresholdMethod = form[1], populationOffset = FALSE)))
  answers(paste0(form[1], "_", form[2]), result)
})
write.csv(do.call(rbind, c(ears, farrington)), given[2], row.names = FALSE, quote = FALSE)
